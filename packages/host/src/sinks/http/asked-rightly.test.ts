// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { refusalOf } from './asked-rightly.ts';

describe('a request to an HTTP server of pictures', () => {
  it.each(['127.0.0.1:8090', '[::1]:8090', '[::1]', 'localhost', 'LOCALHOST:8090', '192.0.2.1', 'Wall.lan:8090', undefined])(
    'is answered that names it %s',
    (host) => {
      expect(refusalOf({ host }, 'wall.lan')).toBeUndefined();
    },
  );

  it.each(['evil.example', 'evil.example:8090', '127.0.0.1.evil.example', 'localhost.evil.example:80', '', '[::1].evil', 'a b'])(
    'is refused that names it %s, which is none of its names',
    (host) => {
      expect(refusalOf({ host }, '127.0.0.1')?.status).toBe(421);
    },
  );

  it('is refused where a page of another site wants the picture, and answered where a person follows its link', () => {
    const from = (site: string, mode: string) =>
      refusalOf({ host: 'localhost', 'sec-fetch-site': site, 'sec-fetch-mode': mode }, '127.0.0.1')?.status;
    expect(from('cross-site', 'no-cors')).toBe(403);
    expect(from('cross-site', 'cors')).toBe(403);
    expect(from('cross-site', 'navigate')).toBeUndefined();
    expect(from('same-site', 'no-cors')).toBeUndefined();
  });
});
