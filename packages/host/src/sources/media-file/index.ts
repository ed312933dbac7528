// SPDX-License-Identifier: Apache-2.0
export { type MediaFileOptions, openMediaFile } from './media-file-source.ts';
