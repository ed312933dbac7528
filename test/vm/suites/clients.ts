// SPDX-License-Identifier: Apache-2.0
/** The programs of the test guest that decode with the device, and what each makes of a stream in the guest's share. */
import type { ScriptResult } from '../harness/index.ts';
import { frameMd5s } from './reference.ts';
import type { VmRig } from './rig.ts';

export type Codec = 'h264' | 'hevc' | 'vp8' | 'vp9';
export const CLIENTS = ['ffmpeg', 'gstreamer'] as const;
export type Client = (typeof CLIENTS)[number];

/** Seconds that a client has for a stream before it is killed. */
const PATIENCE = 600;

/** Seconds in which one that hangs could have gone on, after the last picture that is expected of it. */
const HANG_PATIENCE = 10;

const GSTREAMER: Readonly<Record<Codec, string>> = {
  h264: 'h264parse ! v4l2h264dec',
  hevc: 'h265parse ! v4l2h265dec',
  vp8: 'ivfparse ! v4l2vp8dec',
  vp9: 'ivfparse ! v4l2vp9dec',
};

/** How to decode. */
export interface DecodeOptions {
  readonly caps?: string | undefined;
  /** GStreamer's pictures are written to this file of the share, planar 4:2:0 in its own layout, instead of being summed */
  readonly dump?: string | undefined;
  /** it will wait for ever, and is killed for it, once it has shown so many pictures */
  readonly hangsAfter?: number | undefined;
}

/** What a client made of a stream. */
export interface Decoded extends ScriptResult {
  /** MD5s of its pictures, as planar 4:2:0, in the order in which they came */
  readonly pictures: readonly string[];
  /** true if it was killed because it did not end */
  readonly hung: boolean;
}

/**
 * Decodes `file` of the share with a client's decoder on the V4L2 device. `caps` replaces what GStreamer's parser says of the stream.
 */
export async function decode(
  rig: VmRig,
  client: Client,
  file: string,
  codec: Codec,
  { caps, dump, hangsAfter }: DecodeOptions = {},
): Promise<Decoded> {
  const setter = caps === undefined ? '' : `! capssetter caps="${caps}" `;
  const sink = dump === undefined ? 'checksumsink hash=md5 sync=false' : `filesink location=/mnt/${dump}`;
  const [parser, decoder] = GSTREAMER[codec].split(' ! ');
  const program =
    client === 'ffmpeg'
      ? `ffmpeg -nostdin -v error -flags unaligned -c:v ${codec}_v4l2m2m -i /mnt/${file} -map 0:v:0 -noautoscale ` +
        '-fps_mode passthrough -pix_fmt yuv420p -f framemd5 -'
      : `gst-launch-1.0 -q filesrc location=/mnt/${file} ! ${parser} ${setter}! ${decoder} ! videoconvert dither=none ! ` +
        `video/x-raw,format=I420 ! ${sink}`;
  const limited = `timeout -s KILL ${PATIENCE} ${program}`;
  const script = `export GST_REGISTRY=/tmp/registry; ${hangsAfter === undefined ? limited : killedWhenItHangs(program, hangsAfter)}`;
  const result = await rig.guest.run(script, (PATIENCE + 60) * 1000);
  return { ...result, pictures: frameMd5s(result.stdout), hung: result.status === 137 };
}

/** Runs ffmpeg until it has shown so many pictures and did not end for a while after them, or ended; its status is the script's. */
function killedWhenItHangs(program: string, pictures: number): string {
  return (
    `${program} > /tmp/shown & client=$!; ` +
    `until [ $(grep -c '^[0-9]' /tmp/shown) -ge ${pictures} ] || ! kill -0 $client; do sleep 0.5; done 2> /dev/null; ` +
    `sleep ${HANG_PATIENCE}; kill -9 $client 2> /dev/null; wait $client; status=$?; cat /tmp/shown; exit $status`
  );
}
