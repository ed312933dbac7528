// SPDX-License-Identifier: Apache-2.0
export { type LibcameraOptions, openLibcamera } from './libcamera-camera.ts';
