// SPDX-License-Identifier: Apache-2.0

export { type CameraMeasures, type CameraResult, measureCamera, runCamera } from './camera-part.ts';
export { type CodedFile, openCodedFile } from './coded-file.ts';
export { CODED_FORMATS } from './decode-part.ts';
export { DemoError } from './demo-error.ts';
export * from './run-demo.ts';
export * from './statistics.ts';
