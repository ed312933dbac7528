// SPDX-License-Identifier: Apache-2.0
export * from './drm-format.ts';
export * from './raw-format.ts';
