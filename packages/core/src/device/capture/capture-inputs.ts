// SPDX-License-Identifier: Apache-2.0
/** The inputs of a camera: what VIDIOC_S_INPUT chooses among. Each has a source, with controls of its own. */
import type { Clock, FrameSource } from '../../ports/index.ts';
import { DeviceError } from '../framework/device-error.ts';
import { type CaptureControls, captureControls } from './capture-controls.ts';
import { type CapturePlanarity, captureFormats } from './capture-format.ts';

/** An input, as a configuration has it. */
export interface CaptureInput {
  /** what VIDIOC_ENUMINPUT says, of which 31 bytes are shown */
  readonly name: string;
  readonly source: FrameSource;
}

/** An input of a device. */
export class DeviceInput implements Disposable {
  readonly name: string;
  readonly source: FrameSource;
  readonly controls: CaptureControls;
  readonly #planarity: CapturePlanarity;
  #formats: readonly number[];
  /** the source has a format now that the API can carry */
  #carried = true;

  /** Throws `DeviceError` if the source has no format that the API can carry. */
  constructor({ name, source }: CaptureInput, planarity: CapturePlanarity, clock: Clock) {
    this.name = name;
    this.source = source;
    this.#planarity = planarity;
    this.#formats = captureFormats(source.capabilities, planarity);
    if (this.#formats.length === 0) {
      throw new DeviceError(`source "${source.capabilities.card}" has no format that this API can carry`);
    }
    this.controls = captureControls(source.controls, clock);
  }

  /** Pixel formats that it has, or had last while it could bring any, preferred one first. */
  get formats(): readonly number[] {
    return this.#formats;
  }

  /** False while no frames can be had: the source is away, or brings nothing that the API can carry. */
  get present(): boolean {
    return this.#carried && this.source.presence.kind === 'present';
  }

  /** False while what it shows is not what its camera sees: there is nothing, or a picture that says so. */
  get signal(): boolean {
    const { presence } = this.source;
    return this.present && presence.kind === 'present' && presence.noSignal === undefined;
  }

  /** False while the source brings nothing that the API can carry. */
  get carried(): boolean {
    return this.#carried;
  }

  /** The source came, went, or brings other frames. */
  sourceChanged(): void {
    const formats = captureFormats(this.source.capabilities, this.#planarity);
    this.#carried = formats.length > 0;
    if (this.#carried) this.#formats = formats;
  }

  [Symbol.dispose](): void {
    this.controls[Symbol.dispose]();
  }
}
