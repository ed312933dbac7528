// SPDX-License-Identifier: Apache-2.0

export * from './converter/index.ts';
export * from './frame-pool.ts';
export * from './media-file/index.ts';
export * from './no-signal/index.ts';
export * from './paced-capture.ts';
export * from './pacer.ts';
export * from './pattern/index.ts';
export * from './played-source.ts';
export { STDIN_KIND } from './raw-frames/index.ts';
export { RAW_FORMATS } from './scaling/raw-pictures.ts';
export * from './source-adapter.ts';
export * from './source-adapters.ts';
export * from './v4l2-camera/index.ts';
