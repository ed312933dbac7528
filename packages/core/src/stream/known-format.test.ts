// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { LARGE, SMALL, StreamRig, streamLayout } from '../testing/stream-rig.ts';
import { toyHeader, toyPicture } from '../testing/toy-stream.ts';
import { VIDEO_V10_LAST_POLICY } from './stream-policy.ts';

test('V10-I19: a decoder that found a format which a seek dropped is told the new layout only, after the change', async () => {
  const h = new StreamRig(VIDEO_V10_LAST_POLICY);
  const widths: number[] = [];
  const { create } = h.factory;
  h.factory.create = (...given) => {
    const decoder = create.apply(h.factory, given);
    if (decoder === undefined) return undefined;
    const setOutput = decoder.setOutput.bind(decoder);
    decoder.setOutput = (layout) => {
      widths.push(layout.width);
      setOutput(layout);
    };
    return decoder;
  };
  await h.decoding('1');
  h.input('a', toyPicture(0, 'key'), toyHeader(LARGE), toyPicture(0, 'key'));
  expect(await h.told()).toEqual(['out 1 a']);
  await h.stream.stopInput();
  h.output('2');
  h.stream.startInput('toy');
  expect(await h.told()).toEqual([]);
  expect(widths).toEqual([SMALL.width]);
  h.input('b', toyPicture(0, 'key'));
  expect(await h.told()).toEqual(['out 2 - last', 'format dynamic 128x96']);
  h.stream.resume(streamLayout(LARGE));
  expect(widths).toEqual([SMALL.width, LARGE.width]);
});
