// SPDX-License-Identifier: Apache-2.0

export { type PinnedMode, parseMode } from './pinned-mode.ts';
export { openV4l2Camera, type V4l2CameraOptions } from './v4l2-camera.ts';
