// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { descendants } from '../../../packages/host/src/cli/bench/process-memory.ts';
import { CLIENTS, type Client, type Codec, decode } from './clients.ts';
import { kernelComplaints } from './kernel-log.ts';
import { paddedMd5s } from './padded.ts';
import { hostPictures, pictureSizes, type ReferenceSize } from './reference.ts';
import { FIXTURES, startRig, TRANSPORTS, type VmRig, vectorsFolder } from './rig.ts';

/** Streams of the repository. */
const CARRIED: readonly (readonly [file: string, codec: Codec])[] = [
  ['h264-b-frames.h264', 'h264'],
  ['h264-cropped.h264', 'h264'],
  ['h264-interlaced.h264', 'h264'],
  ['h264-resized.h264', 'h264'],
  ['hevc-b-frames.h265', 'hevc'],
  ['vp8-odd.ivf', 'vp8'],
  ['vp9-resized.ivf', 'vp9'],
];

const EXTENSIONS: Readonly<Record<Codec, RegExp>> = {
  h264: /\.(264|h264|jsv)$/,
  hevc: /\.h265$/,
  vp8: /\.(ivf|vp8)$/,
  vp9: /\.(ivf|vp9)$/,
};

/** Why a client cannot show, or the comparison not see, the very pictures of a stream, and what is expected instead. */
type Exception = { readonly why: string } & (
  | { readonly kind: 'corner'; readonly width: number; readonly height: number }
  | { readonly kind: 'hangs'; readonly after: number }
  | { readonly kind: 'partial' }
  | { readonly kind: 'told'; readonly caps: string }
  | { readonly kind: 'padded' }
);
// corner: a rectangle of the right size, but from the upper left corner of the coded picture
// hangs: the first pictures, `after` at most that are of the first size, then it waits for ever. The last of these may be
//   anywhere between its threads at that moment: how many it still shows is a matter of luck, half of them are for sure
// partial: some pictures, and it ends by itself
// told: it takes the stream only if told these capabilities
// padded: equal as well, but summed here, as the sums of the client count padding

const FFMPEG_CROP = 'v4l2_m2m_dec.c takes width and height of the rectangle only';
const FFMPEG_RESIZE = 'v4l2_m2m.c waits for its user to let go of the pictures, in the thread of that user';
const GST_PADDING =
  'the sums of GStreamer include padding where rows of a plane are no multiple of 4 bytes, or their number is odd';
const GST_DAMAGE = 'one picture is shown for each timestamp: a damaged unit gives several pictures';
const GST_COLOURS = 'only those colorimetries are taken that the device was tried with';
const BT601 = 'video/x-h264,colorimetry=(string)bt601';

const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  'ffmpeg h264-cropped.h264': { kind: 'corner', width: 172, height: 116, why: FFMPEG_CROP },
  'gstreamer h264-cropped.h264': { kind: 'padded', why: `172x116; ${GST_PADDING}` },
  'ffmpeg h264-resized.h264': { kind: 'hangs', after: 8, why: FFMPEG_RESIZE },
  'gstreamer vp8-odd.ivf': { kind: 'padded', why: `175x143; ${GST_PADDING}` },
  'ffmpeg vp9-resized.ivf': { kind: 'hangs', after: 10, why: FFMPEG_RESIZE },
  'gstreamer vp9-resized.ivf': { kind: 'padded', why: `161x91; ${GST_PADDING}` },
  'ffmpeg CVFC1_Sony_C.jsv': { kind: 'corner', width: 300, height: 168, why: FFMPEG_CROP },
  'gstreamer CVFC1_Sony_C.jsv': { kind: 'padded', why: `300x168; ${GST_PADDING}` },
  'ffmpeg Error_I_P.264': { kind: 'hangs', after: 1, why: `sizes 352x288, 640x480, 352x288; ${FFMPEG_RESIZE}` },
  'gstreamer Error_I_P.264': { kind: 'partial', why: GST_DAMAGE },
  'gstreamer test-25fps.h264': { kind: 'told', caps: BT601, why: GST_COLOURS },
  'gstreamer test-25fps-interlaced.h264': { kind: 'told', caps: BT601, why: GST_COLOURS },
  'gstreamer vp80-00-comprehensive-014.ivf': { kind: 'padded', why: `175x143; ${GST_PADDING}` },
  'ffmpeg resolution_change_500frames-vp9.ivf': { kind: 'hangs', after: 50, why: FFMPEG_RESIZE },
  'gstreamer resolution_change_500frames-vp9.ivf': { kind: 'padded', why: `426x240, 854x480; ${GST_PADDING}` },
};

/** A program that polls before CAPTURE has started is a matter of moments: one run shows little. */
const GSTREAMER_RUNS = 20;

/** A stream long enough for the codec process to die in its middle: so many times a clip of the repository. */
const DYING_ROUNDS = 60;
/** seconds until a client that does not end is killed */
const DYING_PATIENCE = 600;
const DYING = {
  ffmpeg: 'ffmpeg -nostdin -v error -c:v h264_v4l2m2m -i /mnt/long.h264 -pix_fmt yuv420p -flush_packets 1 -f rawvideo /mnt/dying',
  GStreamer:
    'gst-launch-1.0 -q filesrc location=/mnt/long.h264 ! h264parse ! v4l2h264dec ! filesink location=/mnt/dying buffer-mode=unbuffered',
} as const;

const folder = vectorsFolder();
const VECTORS = Object.entries(EXTENSIONS).flatMap(([codec, extension]) =>
  folder === undefined
    ? []
    : readdirSync(join(folder, codec))
        .filter((name) => extension.test(name))
        .sort()
        .map((name) => [name, codec as Codec, join(folder, codec, name)] as const),
);
const STREAMS = [...CARRIED.map(([name, codec]) => [name, codec, join(FIXTURES, name)] as const), ...VECTORS];
const CASES = STREAMS.flatMap(([name, codec, path]) => CLIENTS.map((client) => ({ name, client, codec, path })));

function cornerOf(exception: Exception | undefined): ReferenceSize | undefined {
  return exception?.kind === 'corner' ? { width: exception.width, height: exception.height } : undefined;
}

describe.each(TRANSPORTS)('a decoder in a guest, over %s', (transport) => {
  let rig: VmRig;
  beforeAll(async () => {
    rig = await startRig([{ kind: 'decoder', name: 'decoder' }], transport);
  }, 600_000);
  afterAll(() => rig?.[Symbol.asyncDispose](), 60_000);

  it.each(CASES)('decodes $name for $client', async ({ name, client, codec, path }) => {
    cpSync(path, join(rig.guest.share, name));
    const exception = EXCEPTIONS[`${client} ${name}`];
    const dump = exception?.kind === 'padded' ? `${name}.raw` : undefined;
    const got = await decode(rig, client, name, codec, {
      caps: exception?.kind === 'told' ? exception.caps : undefined,
      dump,
      hangsAfter: exception?.kind === 'hangs' ? Math.ceil(exception.after / 2) : undefined,
    });
    const pictures = dump === undefined ? got.pictures : paddedMd5s(join(rig.guest.share, dump), await pictureSizes(path));
    const want = await hostPictures(path, 'yuv420p', cornerOf(exception));
    const same = pictures.filter((sum, i) => sum === want[i]).length;
    const verdict = `${same === want.length && pictures.length === same ? 'equal' : `${same} equal`}${got.hung ? ', hangs' : ''}`;
    const why = exception === undefined ? '' : `${exception.kind}: ${exception.why}`;
    console.log(`| ${transport} | ${client} | ${name} | ${pictures.length} of ${want.length} | ${verdict} | ${why} |`);
    if (exception?.kind === 'hangs') {
      expect(got.hung, 'it does not hang any more').toBe(true);
      const shown = pictures.slice(0, exception.after);
      expect(shown.length).toBeGreaterThanOrEqual(exception.after / 2);
      return expect(shown).toEqual(want.slice(0, shown.length));
    }
    expect(got.status, got.stderr).toBe(0);
    if (exception?.kind === 'partial') return expect(pictures.length).toBeGreaterThan(0);
    expect(pictures).toEqual(want);
  });

  it('decodes two streams at once', async () => {
    const both = ['h264-b-frames.h264', 'hevc-b-frames.h265'] as const;
    for (const name of both) cpSync(join(FIXTURES, name), join(rig.guest.share, name));
    const run = (client: Client, name: string, codec: Codec) => decode(rig, client, name, codec);
    const [one, other] = await Promise.all([run('ffmpeg', both[0], 'h264'), run('ffmpeg', both[1], 'hevc')]);
    expect(one.pictures).toEqual(await hostPictures(join(FIXTURES, both[0]), 'yuv420p'));
    expect(other.pictures).toEqual(await hostPictures(join(FIXTURES, both[1]), 'yuv420p'));
  });

  // a shape in CROPCAP, of which no decoder of the kernel's makes use, is none that GStreamer takes: it decodes nothing then
  it.each(CLIENTS)('decodes a stream whose pixels are no squares for %s', async (client) => {
    const name = 'h264-oblong.h264';
    const looks = readFileSync(join(FIXTURES, 'h264-looks.h264'));
    // from its last sequence parameter set on they are 4:3
    writeFileSync(join(rig.guest.share, name), looks.subarray(looks.lastIndexOf('0000000167', undefined, 'hex')));
    const { pictures, stderr } = await decode(rig, client, name, 'h264');
    expect(pictures, stderr).toEqual(await hostPictures(join(rig.guest.share, name), 'yuv420p'));
    expect(pictures.length).toBeGreaterThan(0);
  });

  it('decodes h264 for GStreamer time after time', async () => {
    const name = 'h264-b-frames.h264';
    const want = await hostPictures(join(FIXTURES, name), 'yuv420p');
    for (let i = 0; i < GSTREAMER_RUNS; i++) expect((await decode(rig, 'gstreamer', name, 'h264')).pictures).toEqual(want);
  }, 3_600_000);

  it.each(Object.entries(DYING))(
    'ends %s when the codec process dies under it, and decodes for the program that comes next',
    async (_, program) => {
      const name = 'h264-b-frames.h264';
      const clip = readFileSync(join(FIXTURES, name));
      const want = await hostPictures(join(FIXTURES, name), 'yuv420p');
      const [size] = await pictureSizes(join(FIXTURES, name));
      const whole = DYING_ROUNDS * want.length * (size ? size.width * size.height * 1.5 : Number.NaN);
      const { share } = rig.guest;
      cpSync(join(FIXTURES, name), join(share, name));
      writeFileSync(join(share, 'long.h264'), Buffer.concat(Array(DYING_ROUNDS).fill(clip)));
      rmSync(join(share, 'dying'), { force: true });
      const running = rig.guest.run(`export GST_REGISTRY=/tmp/registry; timeout -s KILL ${DYING_PATIENCE} ${program}`);
      const ended = running.then(() => true);
      const shown = () => (existsSync(join(share, 'dying')) ? statSync(join(share, 'dying')).size : 0);
      while (shown() === 0)
        expect(await Promise.race([ended, sleep(100, false)]), 'it ended before it showed anything').toBe(false);
      for (const pid of descendants(rig.daemon.pid)) process.kill(pid, 'SIGKILL');
      const { status, stderr, millis } = await running;
      console.log(
        `${transport}: ${program.split(' ')[0]} ended with ${status} after ${(millis / 1000).toFixed(1)} s: ${stderr.slice(-200)}`,
      );
      expect(status, 'it ends by itself').not.toBe(137);
      expect(stderr).not.toBe('');
      expect(shown(), 'no more pictures than there were').toBeLessThan(whole);
      expect((await decode(rig, 'ffmpeg', name, 'h264')).pictures).toEqual(want);
    },
  );

  it('leaves nothing in the kernel’s log', async () => expect(await kernelComplaints(rig.guest)).toEqual([]));
});
