// SPDX-License-Identifier: Apache-2.0
/** Guests with a camera each, for tests of the capture device through the whole protocol. */
import { CaptureDevice, type CaptureDeviceOptions, DeviceError } from '../device/index.ts';
import { MediaDriver } from '../driver/index.ts';
import type { BufferMemory, PlaneStorage } from '../ports/index.ts';
import type { InProcessTransport } from '../virtio-device/index.ts';
import { ManualClock } from './manual-clock.ts';
import { mediaTransport } from './media-transport.ts';

/** Stands in for the copy into guest memory; `copy` does it. */
type StoreStandIn = (
  copy: () => Promise<boolean>,
  from: readonly PlaneStorage[],
  to: readonly BufferMemory[],
) => Promise<boolean>;

/** The cameras of one test file. */
export class TestCameras {
  readonly #open: { transport: InProcessTransport; device: CaptureDevice }[] = [];

  /** One guest with a camera over `source`. */
  readonly guest = async (
    source: CaptureDeviceOptions['source'],
    o: Partial<CaptureDeviceOptions> = {},
    store?: StoreStandIn,
  ) => {
    let device: CaptureDevice | undefined;
    const transport = mediaTransport({
      device: ({ arena, access }) => {
        const wrapped = {
          open: true,
          store: (from: readonly PlaneStorage[], to: readonly BufferMemory[]) =>
            store === undefined ? access.store(from, to) : store(() => access.store(from, to), from, to),
          load: access.load.bind(access),
          fetch: access.fetch.bind(access),
        };
        device = new CaptureDevice({ source, buffers: arena, access: wrapped, clock: new ManualClock(), ...o });
        return device;
      },
    });
    if (device === undefined) throw new DeviceError('the transport makes its device at once');
    this.#open.push({ transport, device });
    return { transport, device, driver: await MediaDriver.attach(transport) };
  };

  /** Closes all of them. Answers the errors of ours that came up, of which there must be none. */
  async close(): Promise<unknown[]> {
    const bugs: unknown[] = [];
    for (const { transport, device } of this.#open.splice(0)) {
      await transport.close();
      await device[Symbol.asyncDispose]();
      bugs.push(...transport.bugs);
    }
    return bugs;
  }
}
