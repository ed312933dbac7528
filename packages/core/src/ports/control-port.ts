// SPDX-License-Identifier: Apache-2.0
/** Controls as whoever has them offers them, by V4L2's ids. */

/**
 * A control: V4L2's own id and range. `menu` for menus (by index; an empty string is a hole) and `integerMenu` for integer
 * menus.
 */
export interface SourceControl {
  readonly id: number;
  readonly type: 'integer' | 'boolean' | 'menu' | 'integer-menu' | 'button';
  /** the name shown; the standard name of a standard id */
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly default: number;
  readonly menu?: readonly string[];
  readonly integerMenu?: readonly number[];
  /** it changes by itself (auto exposure): read it, do not cache it */
  readonly volatile?: boolean;
}

/** The port. Only declared controls are asked for and set. */
export interface ControlPort {
  /** fixed for the life of the port */
  readonly declared: readonly SourceControl[];
  /** Current value of a control; a button reads 0. */
  get(id: number): number;
  /**
   * Sets a control; the value is within the declared range. Not 0: the errno of why it is not taken (EBUSY: not now, EIO: there is
   * no answer), and the control is as before.
   */
  set(id: number, value: number): number;
  /** Tells when a control changed, whoever did it, until the answer is disposed of. */
  onChange(listener: (id: number, value: number) => void): Disposable;
}
