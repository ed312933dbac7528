// SPDX-License-Identifier: Apache-2.0
export { UmlHost, type UmlOptions } from './uml-host.ts';
