// SPDX-License-Identifier: Apache-2.0
// Settings of Firefox: it asks nobody, and tells what pages tell the console.
user_pref('media.navigator.permission.disabled', true);
user_pref('devtools.console.stdout.content', true);
user_pref('browser.shell.checkDefaultBrowser', false);
user_pref('browser.aboutwelcome.enabled', false);
user_pref('browser.startup.homepage_override.mstone', 'ignore');
user_pref('browser.sessionstore.resume_from_crash', false);
user_pref('toolkit.startup.max_resumed_crashes', -1);
user_pref('datareporting.policy.dataSubmissionEnabled', false);
