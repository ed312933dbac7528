// SPDX-License-Identifier: Apache-2.0
export * from './codec-commands.ts';
export * from './codec-menus.ts';
export * from './m2m-device.ts';
export type * from './m2m-formats.ts';
export * from './m2m-ioctls.ts';
export * from './m2m-session.ts';
export * from './stream-errno.ts';
