// SPDX-License-Identifier: Apache-2.0
export * from './connect-guest.ts';
export * from './frontend.ts';
export * from './frontend-error.ts';
export * from './guest-ram.ts';
export * from './request-channel.ts';
export * from './shared-region.ts';
export * from './vfio-channel.ts';
export * from './vfio-frontend.ts';
export * from './vfio-payloads.ts';
