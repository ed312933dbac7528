// SPDX-License-Identifier: Apache-2.0
export { FITS, type Fit } from '../scaling/fit.ts';
export { type MediaFileOptions, openMediaFile } from './media-file-source.ts';
