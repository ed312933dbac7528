// SPDX-License-Identifier: Apache-2.0
/** Conformance suite of the `Decoder` port: what an adapter must do whatever its codec, with a stream of that codec. */
import { sameBytes } from '../../base/index.ts';
import { type DecoderFixture, DecoderRun, type KnownStream } from './decoder-run.ts';
import { demand, demandSame, type PortCase } from './port-case.ts';

type CaseBody = (run: DecoderRun, fixture: DecoderFixture) => Promise<void>;

/**
 * The cases. `open` makes a fresh fixture for each; its factory must allow two decoders at a time. Streams need at least
 * four pictures each, and differ in coded size.
 */
export function decoderSuite(open: () => Promise<DecoderFixture> | DecoderFixture): readonly PortCase[] {
  return CASES.map(([title, body]) => ({
    title,
    run: async () => {
      const fixture = await open();
      try {
        const run = new DecoderRun(fixture);
        await body(run, fixture);
        await run.close();
        await fixture.settle();
        run.checkRules();
      } finally {
        await fixture.close();
      }
    },
  }));
}

/** The pictures from `from` on are those of `stream`, whose chunks went in as `ids`. */
function checkPictures(run: DecoderRun, stream: KnownStream, ids: readonly number[], from = 0): void {
  const pictures = run.pictures.slice(from);
  demandSame(
    pictures.map(({ picture }) => picture.inputId),
    stream.order.map((chunk) => ids[chunk]),
    'pictures come in display order, and each names the input it began in',
  );
  const layout = run.layout;
  demand(layout !== undefined, 'pictures came without a format');
  for (const [place, { picture, bytes }] of pictures.entries()) {
    demand(!picture.error, `picture ${place} of an intact stream is marked as damaged`);
    demandSame(picture.bytesUsed, layout.sizes, `picture ${place} fills the planes of its layout`);
    const expected = stream.picture?.(place, layout);
    expected?.forEach((plane, i) => {
      demand(sameBytes(plane, bytes[i] ?? new Uint8Array(0)), `plane ${i} of picture ${place} does not hold the picture`);
    });
  }
}

function checkFormat(run: DecoderRun, stream: KnownStream, index: number): void {
  const event = run.events.filter((each) => each.kind === 'format')[index];
  demand(event !== undefined, `format event ${index} did not come`);
  const { format } = event;
  demandSame(
    [format.codedWidth, format.codedHeight],
    [stream.codedWidth, stream.codedHeight],
    'the format is that of the stream',
  );
  const { left, top, width, height } = format.visible;
  const inside = left >= 0 && top >= 0 && left + width <= format.codedWidth && top + height <= format.codedHeight;
  demand(
    inside && width > 0 && height > 0,
    `the visible rectangle ${JSON.stringify(format.visible)} lies outside the coded picture`,
  );
  demand(format.minBuffers >= 1, `minBuffers is ${format.minBuffers}: it is at least 1`);
}

const half = (stream: KnownStream): readonly Uint8Array[] => stream.chunks.slice(0, Math.ceil(stream.chunks.length / 2));

const CASES: readonly (readonly [string, CaseBody])[] = [
  [
    'pictures come in display order and complete, and each input comes back once',
    async (run, { stream }) => {
      const ids = run.feed(stream.chunks);
      await run.drain();
      checkFormat(run, stream, 0);
      checkPictures(run, stream, ids);
      demand(run.inputs.size === 0, `inputs ${[...run.inputs].join(', ')} did not come back before the drain was answered`);
      demandSame(run.count('format'), 1, 'one format makes one event');
    },
  ],
  [
    'the format comes before any picture, and no picture before the output is set',
    async (run, { stream, settle }) => {
      run.mode = 'manual';
      const ids = run.feed(stream.chunks);
      await run.until(() => run.count('format') === 1);
      await settle();
      demandSame(run.count('picture'), 0, 'no picture comes before setOutput');
      run.mode = 'auto';
      const event = run.events.find((each) => each.kind === 'format');
      if (event?.kind === 'format') run.answer(event.format);
      await run.drain();
      checkPictures(run, stream, ids);
    },
  ],
  [
    'no more pictures come than there are targets, and input waits for them',
    async (run, { stream, settle }) => {
      run.mode = 'manual';
      const many = Array.from({ length: 24 }, () => stream.chunks).flat();
      run.feed(many);
      await run.until(() => run.count('format') === 1);
      const event = run.events.find((each) => each.kind === 'format');
      if (event?.kind === 'format') run.answer(event.format);
      await settle();
      demandSame(run.count('picture'), 0, 'no picture comes without a target');
      for (let lent = 1; lent <= 3; lent++) {
        run.lend();
        await run.until(() => run.count('picture') === lent);
        await settle();
        demandSame(run.count('picture'), lent, 'one target takes one picture');
      }
      demand(run.inputs.size > 0, `all of ${many.length} inputs were taken although three pictures had a place`);
    },
  ],
  [
    'a drain before any input is answered',
    async (run) => {
      await run.drain();
      demandSame(
        run.events.map((event) => event.kind),
        ['drained'],
        'only the answer comes',
      );
    },
  ],
  [
    'after a drain a stream that starts afresh decodes as before, without a new format event',
    async (run, { stream }) => {
      run.feed(stream.chunks);
      await run.drain();
      const before = run.count('picture');
      const ids = run.feed(stream.chunks);
      await run.drain();
      checkPictures(run, stream, ids, before);
      demandSame(run.count('format'), 1, 'the same format makes no new event');
      demandSame(run.count('drained'), 2, 'each drain is answered once');
    },
  ],
  [
    'a flush drops the past, frees its inputs, keeps the targets and the format',
    async (run, { stream, settle }) => {
      run.feed(half(stream));
      await run.until(() => run.count('format') === 1);
      await run.decoder.flush();
      run.inputs.clear();
      const before = run.events.length;
      await settle();
      demandSame(run.events.length, before, 'no event of the past follows a flush');
      const from = run.count('picture');
      const ids = run.feed(stream.chunks);
      await run.drain();
      checkPictures(run, stream, ids, from);
      demandSame(run.count('format'), 1, 'the same format makes no new event');
    },
  ],
  [
    'a flush in a drain drops the drain with its answer',
    async (run, { stream }) => {
      run.feed(stream.chunks);
      await run.until(() => run.count('format') === 1);
      run.decoder.drain();
      await run.decoder.flush();
      run.inputs.clear();
      const [from, answers] = [run.count('picture'), run.count('drained')];
      const ids = run.feed(stream.chunks);
      await run.drain();
      checkPictures(run, stream, ids, from);
      demandSame(run.count('drained'), answers + 1, 'a drain that was flushed has no answer later');
    },
  ],
  [
    'a recall takes back all targets, and the pictures wait for new ones',
    async (run, { stream, read, write, settle }) => {
      run.mode = 'manual';
      const ids = run.feed(stream.chunks);
      run.decoder.drain();
      await run.until(() => run.count('format') === 1);
      const event = run.events.find((each) => each.kind === 'format');
      if (event?.kind === 'format') run.answer(event.format);
      run.lend();
      await run.until(() => run.count('picture') === 1);
      run.lend();
      await run.decoder.recall();
      const taken = [...run.targets.values()].flat();
      for (const plane of taken) write(plane, new Uint8Array(plane.length).fill(0xa5));
      run.targets.clear();
      await settle();
      demand(
        taken.every((plane) => read(plane).every((byte) => byte === 0xa5)),
        'a target was written to after it was recalled',
      );
      run.mode = 'auto';
      if (event?.kind === 'format') run.answer(event.format);
      await run.until(() => run.count('drained') === 1);
      checkPictures(run, stream, ids);
    },
  ],
  [
    'a change of format comes after the last old picture, and the new ones wait for its answer',
    async (run, { stream, other, settle }) => {
      const ids = run.feed(stream.chunks);
      await run.until(() => run.count('format') === 1);
      run.mode = 'manual';
      const later = run.feed(other.chunks);
      while (run.count('format') < 2) {
        // Old pictures may need more targets than are lent; one at a time, as a client would.
        const seen = run.events.length;
        run.lend();
        await run.until(() => run.events.length > seen);
      }
      const old = run.pictures.map(({ picture }) => picture.inputId);
      demandSame(
        old,
        stream.order.map((chunk) => ids[chunk]),
        'every old picture comes before the new format',
      );
      checkFormat(run, other, 1);
      await settle();
      demandSame(run.count('picture'), old.length, 'no new picture comes before setOutput');
      await run.decoder.recall();
      run.targets.clear();
      run.mode = 'auto';
      const event = run.events.filter((each) => each.kind === 'format')[1];
      if (event?.kind === 'format') run.answer(event.format);
      await run.drain();
      checkPictures(run, other, later, old.length);
    },
  ],
  [
    'garbage comes back and stalls nothing',
    async (run, { stream }) => {
      const garbage = Uint8Array.from({ length: 500 }, (_, i) => (i * 73 + (i >> 3) * 29) & 0xff);
      run.feed([garbage, new Uint8Array(64), new Uint8Array([0])]);
      await run.drain();
      demand(run.inputs.size === 0, 'inputs full of garbage did not come back');
      const from = run.count('picture');
      const ids = run.feed(stream.chunks);
      await run.drain();
      demandSame(
        run.pictures.slice(from).map(({ picture }) => picture.inputId),
        stream.order.map((chunk) => ids[chunk]),
        'an intact stream decodes after garbage',
      );
    },
  ],
  [
    'an empty input comes back',
    async (run, { stream }) => {
      const [first, ...rest] = stream.chunks;
      const ids = run.feed([first ?? new Uint8Array(0), new Uint8Array(0), ...rest]);
      await run.drain();
      demandSame(run.inputs.size, 0, 'every input comes back');
      ids.splice(1, 1);
      checkPictures(run, stream, ids);
    },
  ],
  [
    'two decoders do not disturb each other',
    async (run, fixture) => {
      const second = new DecoderRun(fixture);
      const ids: number[] = [];
      const others: number[] = [];
      const length = Math.max(fixture.stream.chunks.length, fixture.other.chunks.length);
      for (let i = 0; i < length; i++) {
        ids.push(...run.feed(fixture.stream.chunks.slice(i, i + 1)));
        others.push(...second.feed(fixture.other.chunks.slice(i, i + 1)));
      }
      await Promise.all([run.drain(), second.drain()]);
      checkPictures(run, fixture.stream, ids);
      checkPictures(second, fixture.other, others);
      await second.close();
    },
  ],
  [
    'a close in the middle ends everything, and the factory makes a new decoder',
    async (run, fixture) => {
      run.feed(fixture.stream.chunks);
      await run.until(() => run.count('format') === 1);
      await run.close();
      await fixture.settle();
      const next = new DecoderRun(fixture);
      const ids = next.feed(fixture.stream.chunks);
      await next.drain();
      checkPictures(next, fixture.stream, ids);
      await next.close();
    },
  ],
];
