#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CGI of the guest's web server: keeps what the page posts, under a name of its own, where the host finds it.
case "$QUERY_STRING" in
  *[!a-z.]* | '') printf 'Status: 400 Bad Request\r\n\r\n' ; exit ;;
esac
head -c "$CONTENT_LENGTH" > "/mnt/$QUERY_STRING.part" && mv "/mnt/$QUERY_STRING.part" "/mnt/$QUERY_STRING"
printf 'Content-Type: text/plain\r\n\r\n'
