// SPDX-License-Identifier: Apache-2.0
export { setupUml, type UmlLab, type UmlSetupOptions } from './setup.ts';
