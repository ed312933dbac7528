// SPDX-License-Identifier: Apache-2.0
import type { DecoderFactory } from '../../ports/index.ts';
import { offeredCodecs } from '../m2m/codec-menus.ts';
import { M2mDevice, type M2mDeviceOptions } from '../m2m/m2m-device.ts';
import { DecoderSession } from './decoder-session.ts';

/** What a decoder device is made of; its card is "Paravideo decoder" unless told otherwise. */
export interface DecoderDeviceOptions extends M2mDeviceOptions {
  readonly factory: DecoderFactory;
}

/**
 * A stateful decoder of one guest, each session with a decoder of its own.
 *
 * @see Documentation/userspace-api/media/v4l/dev-decoder.rst
 */
export class DecoderDevice extends M2mDevice {
  /** Throws `DeviceError` at the first OPEN if the factory offers no codec that V4L2 has a name for. */
  constructor(options: DecoderDeviceOptions) {
    const { factory } = options;
    const codecs = offeredCodecs(factory.capabilities, ({ outputs }) => outputs);
    super(options, 'Paravideo decoder', (opening) => new DecoderSession(opening, factory, codecs));
  }
}
