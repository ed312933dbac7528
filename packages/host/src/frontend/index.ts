// SPDX-License-Identifier: Apache-2.0
export * from './connect-guest.ts';
export * from './frontend-error.ts';
export * from './guest-ram.ts';
export * from './vfio-user/vfio-channel.ts';
export * from './vfio-user/vfio-frontend.ts';
export * from './vfio-user/vfio-payloads.ts';
export * from './vhost-user/frontend.ts';
export * from './vhost-user/request-channel.ts';
export * from './vhost-user/shared-region.ts';
