// SPDX-License-Identifier: Apache-2.0
export * from './control-set.ts';
export * from './frame-pool.ts';
export * from './media-file/index.ts';
export * from './paced-source.ts';
export * from './pacer.ts';
export * from './pattern/index.ts';
export * from './source-error.ts';
