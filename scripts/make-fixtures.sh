#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the coded streams that the project carries, from ffmpeg's own test sources, and the MD5 of each of their pictures
# (I420 with its range left alone, odd sizes rounded up, display order). Encoders differ between versions: commit streams and MD5s together.
# Needs an ffmpeg with libx264, libx265, libvpx and libaom.
set -eu
out="$(cd "$(dirname "$0")/.." && pwd)/packages/host/fixtures"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

source_of() { # size, rate, seconds
  echo "testsrc2=size=$1:rate=$2:duration=$3"
}

odd_source_of() { # the other one cuts odd sizes off
  echo "testsrc=size=$1:rate=$2:duration=$3"
}

encode() { # name, source, options...
  name="$1"
  source="$2"
  shift 2
  ffmpeg -nostdin -v error -y -bitexact -f lavfi -i "$source" -pix_fmt yuv420p -flags +bitexact "$@" -threads 1 "$name"
}

plain="bframes=0:keyint=100:scenecut=0"

# B frames in a pyramid; 180 lines are coded as 192.
encode "$out/h264-b-frames.h264" "$(source_of 320x180 25 1)" -c:v libx264 -preset slow -crf 34 \
  -x264-params "bframes=3:b-pyramid=normal:keyint=100:scenecut=0:b-adapt=0"
# The sequence parameter set crops on all four sides.
encode "$out/h264-cropped.h264" "$(source_of 192x128 25 0.4)" -c:v libx264 -crf 32 \
  -x264-params "$plain:crop-rect=6,2,14,10"
encode "$out/h264-interlaced.h264" "$(source_of 176x144 25 0.4)" -c:v libx264 -crf 32 -flags +bitexact+ilme+ildct \
  -x264-params "tff=1:bframes=2:keyint=100:scenecut=0"
# The size changes in mid-stream.
encode "$work/a.h264" "$(source_of 176x144 25 0.32)" -c:v libx264 -crf 32 -x264-params "$plain"
encode "$work/b.h264" "$(source_of 128x96 25 0.32)" -c:v libx264 -crf 32 -x264-params "$plain"
cat "$work/a.h264" "$work/b.h264" > "$out/h264-resized.h264"
encode "$out/hevc-b-frames.h265" "$(source_of 176x144 25 0.6)" -c:v libx265 -crf 34 \
  -x265-params "bframes=3:keyint=100:scenecut=0:info=0:pools=none:frame-threads=1:log-level=error"
# Neither side is even.
encode "$out/vp8-odd.ivf" "$(odd_source_of 175x143 25 0.4)" -c:v libvpx -b:v 150k
encode "$work/a.ivf" "$(odd_source_of 161x91 25 0.4)" -c:v libvpx-vp9 -b:v 120k -auto-alt-ref 1 -lag-in-frames 8
encode "$work/b.ivf" "$(odd_source_of 224x128 25 0.4)" -c:v libvpx-vp9 -b:v 120k -auto-alt-ref 1 -lag-in-frames 8
printf "file '%s'\nfile '%s'\n" "$work/a.ivf" "$work/b.ivf" > "$work/list"
ffmpeg -nostdin -v error -y -bitexact -f concat -safe 0 -i "$work/list" -c copy "$out/vp9-resized.ivf"
encode "$out/av1.ivf" "$(source_of 176x144 25 0.4)" -c:v libaom-av1 -crf 45 -b:v 0 -cpu-used 6
encode "$out/mpeg2-interlaced.m2v" "$(source_of 176x144 25 0.4),setfield=tff" -c:v mpeg2video -qscale:v 12 -bf 2 -flags +bitexact+ilme+ildct -top 1
encode "$out/mjpeg.mjpeg" "$(source_of 160x120 25 0.2)" -pix_fmt yuvj420p -c:v mjpeg -qscale:v 12
# The cropping moves, and then the colours and the shape of the pixels change; sizes and the visible size stay.
for rect in 0,0,16,8 8,4,8,4 16,8,0,0; do
  encode "$work/crop.h264" "$(source_of 64x64 25 0.08)" -c:v libx264 -crf 36 -x264-params "$plain:crop-rect=$rect"
  cat "$work/crop.h264"
done > "$out/h264-crop-moves.h264"
for look in smpte170m:1/1 bt709:1/1 bt709:4/3; do
  colours="${look%%:*}"
  encode "$work/look.h264" "$(source_of 64x64 25 0.08),setsar=${look#*:}" -c:v libx264 -crf 36 \
    -x264-params "$plain:range=tv:colorprim=$colours:transfer=$colours:colormatrix=$colours"
  cat "$work/look.h264"
done > "$out/h264-looks.h264"
ffmpeg -nostdin -v error -y -bitexact -f lavfi -i "$(source_of 64x64 25 0.12)" -pix_fmt rgb24 -c:v libx264rgb -crf 30 \
  -flags +bitexact -threads 1 -x264-params "$plain" "$out/h264-rgb.h264"
ffmpeg -nostdin -v error -y -bitexact -f lavfi -i "$(source_of 64x64 25 0.12)" -pix_fmt yuv420p -color_range tv -strict unofficial \
  -c:v mjpeg -qscale:v 12 -flags +bitexact "$out/mjpeg-limited.mjpeg"
# A column of macroblocks is refreshed in each picture; the IDR picture and what announces recovery are cut out.
encode "$work/refresh.h264" "$(source_of 128x96 25 2)" -c:v libx264 -crf 34 -x264-params "bframes=0:ref=1:intra-refresh=1:keyint=12:scenecut=0"
ffmpeg -nostdin -v error -y -i "$work/refresh.h264" -c copy -bsf:v 'filter_units=remove_types=5|6' -f h264 "$out/h264-refresh.h264"
# Not made here: h264-paff.h264 (a frame of two field pictures, a whole one, and so on) and vp9-layers.ivf (two spatial layers in each
# superframe, of which the larger one is the picture) come from encoders of their own, out of synthetic pictures.

for file in "$out"/*.h264 "$out"/*.h265 "$out"/*.ivf "$out"/*.m2v "$out"/*.mjpeg; do
  flags=unaligned
  case "$file" in *-refresh.h264) flags=unaligned+output_corrupt ;; esac
  ffmpeg -nostdin -v error -flags "$flags" -i "$file" -map 0:v:0 -autoscale 0 -fps_mode passthrough \
    -vf 'format=yuv420p|yuvj420p' -f framemd5 - | sed -n 's/^[^#].*, *\([0-9a-f]*\)$/\1/p' > "$work/md5"
  case "$file" in
    *-layers.ivf) sed -n 'n;p' "$work/md5" > "$file.md5" ;;
    *) cp "$work/md5" "$file.md5" ;;
  esac
done
du -b -c "$out"/* | tail -n 1
