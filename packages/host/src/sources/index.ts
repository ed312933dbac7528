// SPDX-License-Identifier: Apache-2.0

export * from './frame-pool.ts';
export * from './media-file/index.ts';
export * from './paced-source.ts';
export * from './pacer.ts';
export * from './pattern/index.ts';
export * from './source-controls.ts';
export * from './source-error.ts';
