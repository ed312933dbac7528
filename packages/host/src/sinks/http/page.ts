// SPDX-License-Identifier: Apache-2.0

/** What a page may load, and who may frame it: the picture of this server; nobody. */
export const PAGE_POLICY =
  "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/** The picture, as large as the window, without a script. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Paravideo</title>
<style>
html, body { height: 100%; margin: 0; background: #000 }
img { width: 100%; height: 100%; object-fit: contain }
</style>
<img src="/stream.mjpg" alt="What a guest plays">
</html>
`;
