// SPDX-License-Identifier: Apache-2.0
/** A camera of your own, at a vhost-user socket: `node examples/own-source.ts /run/dawn.sock`. It grows lighter, over and over. */
import { type Capture, type CaptureSink, type Clock, NO_CONTROLS, V4L2_FIELD_NONE, V4L2_PIX_FMT_GREY } from '@paravideo/core';
import { checkConfig, createLogger, Daemon, LinuxClock, SOURCE_ADAPTERS, type SourceAdapter } from '@paravideo/host/daemon';

const SIZE = { width: 320, height: 240 };
const RATE = { numerator: 1, denominator: 30 };

class Dawn implements Capture {
  readonly modes = {
    card: 'Dawn',
    formats: [V4L2_PIX_FMT_GREY],
    defaultSize: SIZE,
    defaultInterval: RATE,
    colorimetry: { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 },
    sizes: () => ({ kind: 'discrete', sizes: [SIZE] }) as const,
    intervals: () => ({ kind: 'discrete', intervals: [RATE] }) as const,
  };
  readonly absent = undefined;
  readonly controls = NO_CONTROLS;
  readonly clock: Clock = new LinuxClock();
  watch = () => ({ [Symbol.dispose]: () => {} });
  start(_wanted: unknown, sink: CaptureSink): Disposable {
    let sequence = -1;
    const timer = setInterval(() => {
      sequence += 1;
      if (!sink.wantsFrame()) return;
      const bytes = new Uint8Array(SIZE.width * SIZE.height).fill(sequence);
      const planes = [{ kind: 'bytes', bytes } as const];
      sink.frame({ sequence, timestamp: this.clock.now(), field: V4L2_FIELD_NONE, planes, release: () => {} });
    }, 1000 / 30);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

const adapters: SourceAdapter[] = [...SOURCE_ADAPTERS, { kind: 'dawn', open: () => new Dawn() }];
const camera = { kind: 'camera', name: 'dawn', source: 'sky', socket: process.argv[2] };
const config = checkConfig({ sources: { sky: { dawn: null } }, devices: [camera] }, { adapters });
await (await Daemon.start(config, createLogger('warn'))).runUntilSignal(1);
