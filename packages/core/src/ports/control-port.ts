// SPDX-License-Identifier: Apache-2.0
/** Controls as whoever has them offers them, by V4L2's ids. */

/**
 * A control: V4L2's own id and range. `menu` for menus (by index; an empty string is a hole) and `integerMenu` for integer menus
 * (undefined is a hole).
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
  readonly integerMenu?: readonly (number | undefined)[];
  /** it changes by itself (auto exposure): read it, do not cache it */
  readonly volatile?: boolean;
  /** it has no effect as long as others are set as they are (gain, with automatic gain on); it can be set all the same */
  readonly inactive?: boolean;
  /** it cannot be set now: who tries gets EBUSY */
  readonly grabbed?: boolean;
  /** it cannot be set at all: who tries gets EACCES */
  readonly readOnly?: boolean;
  /** it is neither read nor set: who tries gets EINVAL */
  readonly disabled?: boolean;
}

/** What of a control may change while there is a port: all else stays as it is. */
export type DeclarationChange = Partial<
  Pick<SourceControl, 'minimum' | 'maximum' | 'step' | 'default' | 'inactive' | 'grabbed' | 'readOnly' | 'disabled'>
>;

/** The port. Only declared controls are asked for and set. */
export interface ControlPort {
  /** As of now: the same controls in the same order for the life of the port, of which a `DeclarationChange` may be made. */
  readonly declared: readonly SourceControl[];
  /** Current value of a control, within its range; a button reads 0. */
  get(id: number): number;
  /**
   * Sets a control; the value is within the range that is declared now. Not 0: the errno of why it is not taken (EBUSY: not now, EIO:
   * there is no answer), and the control is as before. A promise of it where the camera has to be asked; a value that is taken is
   * told to the listeners before it resolves, and one that is not taken may be told as well, as soon as it is taken back.
   */
  set(id: number, value: number): number | Promise<number>;
  /**
   * Tells when a control changed, whoever did it, until the answer is disposed of: its value, or what is declared of it. `value` is
   * the value now.
   */
  onChange(listener: (id: number, value: number) => void): Disposable;
}
