// SPDX-License-Identifier: Apache-2.0
/** What a guest plays as frames of V4L2 nodes of the host, of v4l2loopback and of vivid: what programs of the host read there. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../vm/lab/index.ts';
import { UmlHost } from '../harness/index.ts';

const TIMEOUT = 600_000;
const [OPEN, EXCLUSIVE] = ['/dev/video40', '/dev/video41'];
/** of which one is not taken for a later one where many are left out */
const FRAMES = 61;

/** Of frames that were played over and over: none is a stranger, none comes twice or late; a slow machine may leave some out. */
function expectInOrder(places: readonly number[]): void {
  expect(places.length).toBe(20);
  expect(places).not.toContain(-1);
  const steps = places.slice(1).map((at, i) => (at - (places[i] ?? 0) + FRAMES) % FRAMES);
  for (const step of steps) expect([step > 0, step < FRAMES / 2], `${places}`).toEqual([true, true]);
}

describe('an output that goes to V4L2 nodes of the host', () => {
  let host: UmlHost;
  const tell = async (node: string, story: string, ...args: string[]) =>
    JSON.parse(
      await host.must(`node ${join(REPOSITORY, 'test/uml/inside/node-sink.ts')} '${node}' ${story} ${args.join(' ')}`, TIMEOUT),
    );

  beforeAll(async () => {
    host = await UmlHost.boot({
      modules: [
        'v4l2loopback devices=2 video_nr=40,41 exclusive_caps=0,1 max_buffers=8 card_label=Open,Exclusive',
        'vivid n_devs=1 node_types=0x100 vid_out_nr=42',
      ],
      memoryMiB: 1536,
    });
  });
  afterAll(() => host?.[Symbol.asyncDispose]());

  it.each([
    ['RGB3', OPEN],
    ['YU12', 'Exclusive'],
  ])('in %s to %s is read there byte by byte and in order by v4l2-ctl and ffmpeg', async (format, node) => {
    const path = node === 'Exclusive' ? EXCLUSIVE : node;
    const told = await tell(node, 'frames', format, path);
    expect(told.there).toBe(told.asked);
    expect(told.asked).toBe(`${format} 320x240`);
    expectInOrder(told.byTool);
    expectInOrder(told.byFfmpeg);
  });

  it('is converted to the format at which a node stays', async () => {
    await host.must(`v4l2-ctl -d ${OPEN} --set-fmt-video-out=width=320,height=240,pixelformat=NV12`);
    await host.must(`v4l2-ctl -d ${OPEN} -c keep_format=1`);
    const told = await tell(OPEN, 'converted');
    await host.must(`v4l2-ctl -d ${OPEN} -c keep_format=0`);
    expect(told.there).toBe('NV12 320x240');
    expectInOrder(told.places);
  });

  it.each([OPEN, EXCLUSIVE])('waits while another program writes into %s, says so once, and goes on after it', async (node) => {
    const other = `ffmpeg -nostdin -v error -re -f lavfi -i testsrc=size=320x240 -pix_fmt yuv420p -f v4l2 ${node}`;
    const writing = `until [ "$(cat /sys/class/video4linux/${node.slice(5)}/state)" = capture ]; do sleep 0.1; done`;
    const pid = await host.must(`${other} >/dev/null 2>&1 & echo $!; ${writing}`);
    const told = await tell(node, 'busy', 'YU12', node, pid.trim());
    expect(told.told).toBe(1);
    expectInOrder(told.seen);
  });

  it('goes on when the device comes back that was unplugged, and the node is closed when the guest stops', async () => {
    expect(await tell('vivid-000-vid-out', 'unplug', 'YUYV')).toEqual({ open: 0 });
  });

  it('leaves nothing behind however often the guest plays', async () => {
    const { before, after } = await tell(OPEN, 'again');
    // A start has a descriptor or two and four mappings: fewer than one in ten would show.
    expect(after.fds - before.fds, JSON.stringify({ before, after })).toBeLessThan(4);
    expect(after.maps - before.maps, JSON.stringify({ before, after })).toBeLessThan(40);
  });
});
