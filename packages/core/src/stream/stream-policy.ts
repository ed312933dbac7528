// SPDX-License-Identifier: Apache-2.0
/**
 * Where the users of a stream differ, and what each of them wants. The values stand here, not with the protocols: they say nothing
 * but what the engine does, import nothing, and the engine's own tests run each of them without any protocol or device.
 */

/** What a stream does where its users differ. All of it is about the output queue but `keptInputs` and `inputStop`. */
export interface StreamPolicy {
  /**
   * What a running output queue gets when it does not hold a new format.
   * - `last-buffer`: an empty LAST buffer, as soon as there is one to give
   * - `block`: nothing; its buffers stay queued
   * - `return-all`: every buffer back, unused
   */
  readonly change: 'last-buffer' | 'block' | 'return-all';
  /** The same for the first format of a stream. */
  readonly firstChange: 'last-buffer' | 'block' | 'return-all';
  /** Whether a change is told before or after what `change` says is given. */
  readonly tellChange: 'before' | 'after';
  /** Which formats keep the input that brought them, and those behind it, queued until the output queue is set up for them. */
  readonly keptInputs: 'of-first-format' | 'of-every-change';
  /**
   * How a drain ends.
   * - `stops`: it owes an empty LAST buffer, but is told without waiting for one to be queued; the stream waits for `resume`
   * - `last-buffer`: it is told after an empty LAST buffer, however long that takes, and the stream goes on
   * - `told`: it is told, and the stream goes on
   */
  readonly drained: 'stops' | 'last-buffer' | 'told';
  /** What stopping the output queue does. */
  readonly outputStop: {
    /**
     * - `set-up`: the stream is set up again by the next start: that ends a drain, and takes the place of `resume` after a change
     * - `none`: a drain goes on, and a change still waits for `resume`
     */
    readonly stream: 'set-up' | 'none';
    /** Whether pictures of inputs that were returned, but not handed out themselves, are handed out after the next start. */
    readonly pictures: 'kept' | 'dropped';
  };
  /** What stopping the input queue does to a change that was not told yet. One that was told is always gone through. */
  readonly inputStop: { readonly untoldChange: 'kept' | 'dropped' };
}

/**
 * V4L2's stateful decoder.
 *
 * @see Documentation/userspace-api/media/v4l/dev-decoder.rst
 */
export const V4L2_POLICY: StreamPolicy = {
  change: 'last-buffer',
  firstChange: 'last-buffer',
  tellChange: 'before',
  keptInputs: 'of-first-format',
  drained: 'stops',
  outputStop: { stream: 'set-up', pictures: 'kept' },
  inputStop: { untoldChange: 'kept' },
};

/** virtio-video v10 without VIRTIO_VIDEO_F_V4L2_COMPATIBLE_LAST_BUFFER. */
export const VIDEO_V10_POLICY: StreamPolicy = {
  change: 'block',
  firstChange: 'block',
  tellChange: 'after',
  keptInputs: 'of-every-change',
  drained: 'told',
  outputStop: { stream: 'none', pictures: 'dropped' },
  inputStop: { untoldChange: 'dropped' },
};

/** virtio-video v10 with VIRTIO_VIDEO_F_V4L2_COMPATIBLE_LAST_BUFFER. */
export const VIDEO_V10_LAST_POLICY: StreamPolicy = {
  ...VIDEO_V10_POLICY,
  change: 'last-buffer',
  drained: 'last-buffer',
};

/** virtio-video v6. */
export const VIDEO_V6_POLICY: StreamPolicy = {
  change: 'return-all',
  firstChange: 'return-all',
  tellChange: 'after',
  keptInputs: 'of-every-change',
  drained: 'told',
  outputStop: { stream: 'none', pictures: 'kept' },
  inputStop: { untoldChange: 'dropped' },
};
