// SPDX-License-Identifier: Apache-2.0
export { ThreadConverter } from './thread-converter.ts';
