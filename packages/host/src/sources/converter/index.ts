// SPDX-License-Identifier: Apache-2.0
export * from './colour-matrix.ts';
export { ThreadConverter } from './thread-converter.ts';
