// SPDX-License-Identifier: Apache-2.0
export * from './proxied-types.ts';
export * from './proxy-device.ts';
export { PROXY_IOCTLS } from './proxy-ioctls.ts';
