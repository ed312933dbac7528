// SPDX-License-Identifier: Apache-2.0
/** Guests with an output each, for tests of the output device through the whole protocol. */
import { OutputDevice, type OutputDeviceOptions } from '../device/index.ts';
import { MediaDriver } from '../driver/index.ts';
import type { BufferAccess, FrameSink } from '../ports/index.ts';
import type { InProcessTransport } from '../virtio-device/index.ts';
import { ManualClock } from './manual-clock.ts';
import { mediaTransport } from './media-transport.ts';

/** The outputs of one test file. */
export class TestOutputs {
  readonly #open: { transport: InProcessTransport; device: OutputDevice }[] = [];

  /** One guest with an output into `sink`; `change` puts other copies in place of its own. */
  readonly guest = async (
    sink: FrameSink,
    o: Partial<OutputDeviceOptions> = {},
    change: (access: BufferAccess) => Partial<BufferAccess> = () => ({}),
  ) => {
    const clock = new ManualClock();
    const made: { device?: OutputDevice } = {};
    const transport = mediaTransport({
      device: ({ arena, access }) => {
        const plain = {
          open: true,
          store: access.store.bind(access),
          load: access.load.bind(access),
          fetch: access.fetch.bind(access),
        };
        made.device = new OutputDevice({ sink, buffers: arena, access: withOwn(plain, change(access)), clock, ...o });
        return made.device;
      },
    });
    const { device } = made;
    if (device === undefined) throw new TypeError('the transport makes its device at once');
    this.#open.push({ transport, device });
    return { transport, device, clock, driver: await MediaDriver.attach(transport) };
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

/** The same object, with the members of another, getters as getters. */
function withOwn<T extends object>(object: T, members: Partial<T>): T {
  return Object.defineProperties(object, Object.getOwnPropertyDescriptors(members));
}
