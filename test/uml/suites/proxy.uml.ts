// SPDX-License-Identifier: Apache-2.0
/** V4L2 devices of the kernel's own, vivid and vicodec, handed through to guests: what those see beside what the bare node says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';
import { examplesOf } from './document.ts';
import { videoNodes } from './nodes.ts';

const TIMEOUT = 280_000;

const CAMERA = 'vivid-000-vid-cap';
const OUTPUT = 'vivid-000-vid-out';
const METADATA = 'vivid-000-meta-cap';
const ENCODER = 'stateful-encoder';
const DECODER = 'stateful-decoder';

type Story = readonly [name: string, ...words: readonly (string | number)[]];

let host: UmlHost;
let nodes: Readonly<Record<string, string>>;
/** what the stories of a node came to: one daemon for all of them, since a start takes longer than most */
const told = new Map<string, { readonly told?: unknown; readonly error?: string }>();
afterAll(() => host?.[Symbol.asyncDispose]());

async function play(node: string, ...stories: readonly Story[]): Promise<void> {
  const plan = JSON.stringify(stories.map((story) => story.map(String)));
  const script = join(REPOSITORY, 'test/uml/inside/proxy.ts');
  const results = JSON.parse(await host.must(`node ${script} ${nodes[node]} '${plan}'`, TIMEOUT));
  stories.forEach((story, i) => {
    told.set([node, ...story].join(' '), results[i]);
  });
}

/** What a story came to. */
// biome-ignore lint/suspicious/noExplicitAny: every story tells something else
function of(node: string, ...story: Story): any {
  const result = told.get([node, ...story].join(' '));
  if (result?.told === undefined) throw new RangeError(result?.error ?? `the story ${story.join(' ')} was not played`);
  return result.told;
}

/** Boots a kernel with a camera (a webcam, television and HDMI), an output for HDMI, and `more`. */
async function boot(multiplanar: number, ...more: readonly string[]): Promise<void> {
  await host?.[Symbol.asyncDispose]();
  told.clear();
  const places = 'num_inputs=3 input_types=0x34 num_outputs=1 output_types=0x1';
  const vivid = `vivid n_devs=1 node_types=0x20101 ${places} multiplanar=${multiplanar}`;
  host = await UmlHost.boot({ modules: [vivid, ...more], memoryMiB: 1536 });
  nodes = await videoNodes(host, METADATA);
  // A picture that stands still, without the time in it.
  await host.must(`v4l2-ctl -d ${nodes[CAMERA]} -c osd_text_mode=2`);
}

const KINDS = ['mmap', 'shared-pages'] as const;
const CLIP = '/run/clip.yuv';
const CODED = '/run/clip.fwht';
const CLIP_FRAMES = 20;

describe('a node that is handed through', () => {
  const frames = [
    ['YUYV', 640, 360, 'mmap'],
    ['NV12', 1280, 720, 'shared-pages'],
  ] as const;

  beforeAll(async () => {
    await boot(1, 'vicodec');
    const moving = '-c horizontal_movement=6 --set-fmt-video=width=640,height=480,pixelformat=YU12';
    await host.must(`v4l2-ctl -d ${nodes[CAMERA]} ${moving} --stream-mmap --stream-count=${CLIP_FRAMES} --stream-to=${CLIP}`);
    await host.must(`v4l2-ctl -d ${nodes[CAMERA]} -c horizontal_movement=3`);
    await play(ENCODER, ['survey'], ...KINDS.map((kind) => ['encode', CLIP, CODED, kind] as const), ['many', CLIP]);
    await play(DECODER, ['survey'], ...KINDS.map((kind) => ['decode', CODED, kind] as const));
    await play(OUTPUT, ['survey'], ...KINDS.map((kind) => ['play', kind, 20] as const));
    await play(METADATA, ['survey']);
    await play(
      CAMERA,
      ['survey'],
      ...frames.map((words) => ['frames', ...words] as const),
      ['controls'],
      ['timings', 2],
      ['busy'],
      ['starts'],
      ...KINDS.map((kind) => ['unplug', kind] as const),
    );
  });

  it.each([CAMERA, OUTPUT, METADATA, ENCODER, DECODER])('answers what can be asked of %s as the bare node does', (name) => {
    const { differ, refused, expected, ...counts } = of(name, 'survey');
    console.log(name, counts);
    expect(differ).toEqual([]);
    expect([refused, expected]).toEqual([['25'], true]);
  });

  it.each(frames)('has frames in %s %ix%i that are those of the bare node, byte for byte (%s)', (...words) => {
    const { ours, own } = of(CAMERA, 'frames', ...words);
    expect(ours).toBe(own);
  });

  it('has controls of all kinds that act, and whose changes are heard', () => {
    const { host, errno, refused, seen, first, heard, button } = of(CAMERA, 'controls');
    expect([host, errno]).toEqual([true, 0]);
    expect(seen).toMatchObject({ brightness: '77', wide: String(0x1234_5678_9abc) });
    expect(seen.string).toContain('abc');
    console.log(seen, refused);
    const [set, setBare, tried, triedBare] = refused;
    expect([set, tried]).toEqual([setBare, triedBare]);
    expect(set[0]).toBe(34);
    expect([first, heard, button]).toEqual([77, 33, 0]);
  });

  it('passes the timings of an HDMI input on', () => {
    const seen: readonly { guest: string; own: string }[] = of(CAMERA, 'timings', 2);
    for (const { guest, own } of seen) expect(guest).toBe(own);
    expect(new Set(seen.map(({ guest }) => guest)).size).toBe(3);
  });

  it.each(KINDS)('plays frames of a guest (%s)', (kind) => {
    expect(of(OUTPUT, 'play', kind, 20)).toEqual({ rising: true });
  });

  it.each(KINDS)('encodes FWHT as the bare codec does (%s)', (kind) => {
    const { frames, ours, own } = of(ENCODER, 'encode', CLIP, CODED, kind);
    expect([frames, ours]).toEqual([CLIP_FRAMES, own]);
  });

  it.each(KINDS)('decodes FWHT as the bare codec does (%s)', (kind) => {
    const { frames, ours, own } = of(DECODER, 'decode', CODED, kind);
    expect([frames, ours]).toEqual([CLIP_FRAMES, own]);
  });

  it('encodes for sixteen sessions of two guests at once', () => {
    expect(of(ENCODER, 'many', CLIP)).toEqual({ sums: 1, open: 16, after: 0 });
  });

  it('is the first user’s: others get EBUSY, and a program of the host that has it is told of in the log', () => {
    expect(of(CAMERA, 'busy')).toEqual({
      refused: ['VIDIOC_REQBUFS: EBUSY', 'VIDIOC_REQBUFS: EBUSY', 'VIDIOC_STREAMON: EBUSY'],
      looks: true,
      quiet: true,
      held: 'VIDIOC_REQBUFS: EBUSY',
      log: true,
    });
  });

  it('leaves nothing behind after 200 starts', () => {
    const { before, after, openings } = of(CAMERA, 'starts');
    expect(openings).toBe(0);
    // A start has a descriptor and four mappings: fewer than one in ten would show.
    expect(after.fds - before.fds, JSON.stringify({ before, after })).toBeLessThan(20);
    expect(after.maps - before.maps, JSON.stringify({ before, after })).toBeLessThan(80);
  });

  it.each(KINDS)('is gone for guests when it is unplugged, and is there for those who open it again (%s)', (kind) => {
    const { end, told, ...rest } = of(CAMERA, 'unplug', kind);
    expect(end).toMatch(/^(a frame has the error flag|VIDIOC_QBUF: EIO)$/);
    expect(rest).toEqual({
      ioctls: ['VIDIOC_G_FMT: ENODEV', 'VIDIOC_G_FMT: ENODEV', 'VIDIOC_STREAMON: ENODEV'],
      off: 'it did',
      released: 'it did',
      reopened: 'OPEN: ENODEV',
      left: 0,
    });
    expect(told).toBeGreaterThanOrEqual(3);
  });
});

describe('a multi-planar node that is handed through', () => {
  const frames = [
    ['NM12', 640, 360, 'mmap'],
    ['NM12', 640, 360, 'shared-pages'],
    ['RGB3', 320, 180, 'mmap'],
  ] as const;

  beforeAll(async () => {
    await boot(2);
    await play(CAMERA, ['survey'], ...frames.map((words) => ['frames', ...words] as const));
    await play(OUTPUT, ['play', 'mmap', 20]);
  });

  it('answers what can be asked as the bare node does', () => {
    expect(of(CAMERA, 'survey').differ).toEqual([]);
  });

  it.each(frames)('has frames in %s %ix%i that are those of the bare node, byte for byte (%s)', (...words) => {
    const { ours, own } = of(CAMERA, 'frames', ...words);
    expect(ours).toBe(own);
  });

  it('plays frames of a guest', () => {
    expect(of(OUTPUT, 'play', 'mmap', 20)).toEqual({ rising: true });
  });

  it.each(examplesOf(readFileSync(join(REPOSITORY, 'docs/PROXY.md'), 'utf8')))(
    'is there for guests by the example of the document: $language',
    async ({ language, text }) => {
      const command = `node ${join(REPOSITORY, 'packages/host/bin/start.js')}`;
      // Of this node a probe lists the least.
      const ours = text.replace(/\/dev\/video\d+/, nodes[OUTPUT] ?? '').replace('npx paravideo', `exec ${command}`);
      const [socket] = /\/run\/[\w/-]+\.sock/.exec(ours) ?? [];
      const told = await host.must(
        [
          'mkdir -p /run/pv && cd /run && rm -f ready && mkfifo ready',
          `cat > example <<'END'\n${ours}END`,
          `${language === 'yaml' ? `${command} serve --config example` : 'exec sh example'} > ready &`,
          'read -r word < ready',
          `${command} probe ${socket}; status=$?`,
          'kill $!; wait $!; exit $status',
        ].join('\n'),
        TIMEOUT,
      );
      expect(told).toMatch(/^Card +vivid$/m);
    },
  );
});
