// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PictureLayout, pictureLayout } from '../picture/index.ts';
import { DEFAULT_QUALITY, NoMemoryError, type SourceControl, type WantedFrames } from '../ports/index.ts';
import { ToyCapture, ToyConsumer, ToyConverter, toyModes } from '../testing/index.ts';
import {
  Errno,
  V4L2_CID_JPEG_COMPRESSION_QUALITY,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_MJPEG,
  V4L2_PIX_FMT_NV12,
} from '../wire/index.ts';
import { QualitySource } from './quality-source.ts';
import { SharedSource } from './shared-source.ts';
import { SourceControls } from './source-controls.ts';
import { withControls } from './with-controls.ts';

const QUALITY = V4L2_CID_JPEG_COMPRESSION_QUALITY;
const wanted = (fourcc: number): WantedFrames => ({
  layout: pictureLayout(fourcc, 640, 480) as PictureLayout,
  interval: { numerator: 1, denominator: 30 },
});

function camera() {
  const toy = new ToyCapture(toyModes([V4L2_PIX_FMT_GREY], [640, 480]));
  const converter = new ToyConverter([V4L2_PIX_FMT_MJPEG]);
  const shared = new SharedSource(toy, converter);
  const push = async (value: number): Promise<void> => {
    toy.push(new Uint8Array(4).fill(value));
    for (const conversion of converter.opened) await converter.make(conversion);
  };
  return { toy, converter, shared, push };
}

const brightness: SourceControl = { id: 1, type: 'integer', name: 'Brightness', minimum: 0, maximum: 9, step: 1, default: 3 };

describe('a source with a quality', () => {
  it('has a control for it, beside those of the source', () => {
    const { shared } = camera();
    const source = new QualitySource(withControls(shared, new SourceControls([brightness])));
    expect(source.controls.declared.map(({ id, default: usual }) => [id, usual])).toEqual([
      [1, 3],
      [QUALITY, DEFAULT_QUALITY],
    ]);
    const heard: number[][] = [];
    const listening = source.controls.onChange((...change) => heard.push(change));
    expect([source.controls.set(1, 5), source.controls.set(QUALITY, 40)]).toEqual([0, 0]);
    expect([source.controls.get(1), source.controls.get(QUALITY)]).toEqual([5, 40]);
    listening[Symbol.dispose]();
    source.controls.set(QUALITY, 50);
    expect(heard).toEqual([
      [1, 5],
      [QUALITY, 40],
    ]);
  });

  it('leaves a camera alone that has the control itself', () => {
    const { shared } = camera();
    const own = new SourceControls([{ ...brightness, id: QUALITY }]);
    expect(new QualitySource(withControls(shared, own)).controls).toBe(own);
  });

  it('cannot be set where it is fixed', () => {
    const { shared } = camera();
    const { controls } = new QualitySource(shared, { quality: 60, readOnly: true });
    expect([controls.set(QUALITY, 10), controls.get(QUALITY), controls.declared[0]?.readOnly]).toEqual([Errno.EACCES, 60, true]);
  });

  it('shares pictures with others of the same quality', () => {
    const { shared, converter } = camera();
    for (const quality of [80, 80, 20])
      new QualitySource(shared, { quality }).start(wanted(V4L2_PIX_FMT_MJPEG), new ToyConsumer());
    expect(converter.opened.map(({ quality }) => quality)).toEqual([80, 20]);
  });

  it('goes over to another quality with the first picture that has it, and counts on', async () => {
    const { toy, shared, converter, push } = camera();
    const source = new QualitySource(shared);
    const consumer = new ToyConsumer();
    const stream = source.start(wanted(V4L2_PIX_FMT_MJPEG), consumer);
    const raw = new ToyConsumer();
    source.start(wanted(V4L2_PIX_FMT_NV12), raw);
    await push(1);
    source.controls.set(QUALITY, 30);
    expect(converter.opened.map(({ to, quality, closed }) => [to.fourcc, quality, closed])).toEqual([
      [V4L2_PIX_FMT_MJPEG, DEFAULT_QUALITY, false],
      [V4L2_PIX_FMT_NV12, DEFAULT_QUALITY, false],
      [V4L2_PIX_FMT_MJPEG, 30, false],
    ]);
    await push(2);
    await push(3);
    expect(converter.opened.map(({ closed }) => closed)).toEqual([true, false, false]);
    expect(consumer.sequences).toEqual([0, 1, 2, 3]);
    expect([raw.sequences, toy.starts]).toEqual([[0, 1, 2], 1]);
    stream[Symbol.dispose]();
    source.controls.set(QUALITY, 31);
    expect(converter.opened).toHaveLength(3);
  });

  it('stays as it is where there is no memory for pictures of another quality', async () => {
    const { shared, converter, push } = camera();
    const source = new QualitySource(shared);
    const consumer = new ToyConsumer();
    source.start(wanted(V4L2_PIX_FMT_MJPEG), consumer);
    converter.open = () => {
      throw new NoMemoryError('none');
    };
    expect(source.controls.set(QUALITY, 30)).toBe(0);
    await push(1);
    expect(consumer.sequences).toEqual([0]);
  });
});
