// SPDX-License-Identifier: Apache-2.0
export * from './frontend.ts';
export * from './frontend-error.ts';
export * from './guest-ram.ts';
export * from './request-channel.ts';
export * from './shared-region.ts';
