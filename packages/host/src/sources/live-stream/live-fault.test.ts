// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { liveFaultText, STAGES } from './live-fault.ts';

describe('the end of a live stream, in words', () => {
  // FFmpeg's numbers, as its header has them.
  it.each([
    [-541478725, 'it has ended'],
    [-542398533, 'broke it off'],
    [-1094995529, 'no stream of a kind'],
    [-875574520, '(404)'],
    [-825242872, '(401)'],
    [-111, 'nobody listens there'],
    [-5, '(EIO)'],
    [-123456789, 'error -123456789'],
  ])('says of %i %s', (code, words) => {
    expect(liveFaultText(STAGES.indexOf('open'), code)).toContain(words);
  });

  it('names what the stream lacks', () => {
    expect(liveFaultText(STAGES.indexOf('no-video'), 0)).toContain('no video');
    expect(liveFaultText(STAGES.indexOf('no-decoder'), 0)).toContain('H.264');
  });
});
