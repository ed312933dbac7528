// SPDX-License-Identifier: Apache-2.0
/** A program that decodes a file with the codec library and writes YUV4MPEG2: `node film-program.ts FILE WIDTHxHEIGHT FRAMES`. */
import { writeSync } from 'node:fs';
import { pictureLayout, SharedSource, V4L2_PIX_FMT_YUV420 } from '@paravideo/core';
import { viewAt } from '../../../sys/index.ts';
import { openMediaFile } from '../../media-file/index.ts';

const [file = '', size = '', count = '1'] = process.argv.slice(2);
const [width = 0, height = 0] = size.split('x').map(Number);
const layout = pictureLayout(V4L2_PIX_FMT_YUV420, width, height);
if (layout === undefined) throw new TypeError('no layout');
const source = new SharedSource(await openMediaFile(file));
writeSync(1, `YUV4MPEG2 W${width} H${height} F60:1 Ip C420jpeg\n`);
let left = Number(count);
const done = Promise.withResolvers<void>();
const stream = source.start(
  { layout, interval: { numerator: 1, denominator: 60 } },
  {
    wantsFrame: () => left > 0,
    lost: (reason) => done.reject(new TypeError(reason)),
    frame: ({ planes: [plane] }) => {
      if (plane?.kind !== 'address') return;
      writeSync(1, 'FRAME\n');
      const bytes = Buffer.from(viewAt(plane.address, plane.length));
      for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
      left -= 1;
      if (left === 0) done.resolve();
    },
  },
);
await done.promise;
stream[Symbol.dispose]();
await source[Symbol.asyncDispose]();
