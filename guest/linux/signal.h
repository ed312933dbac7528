/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ioctls of what carries pictures, for the table of ioctl.c. */
#ifndef VMEDIA_SIGNAL_H
#define VMEDIA_SIGNAL_H

#include <linux/videodev2.h>

struct file;

int vmedia_enum_input(struct file *file, void *fh, struct v4l2_input *arg);
int vmedia_enum_output(struct file *file, void *fh, struct v4l2_output *arg);
int vmedia_g_input(struct file *file, void *fh, unsigned int *arg);
int vmedia_g_output(struct file *file, void *fh, unsigned int *arg);
int vmedia_s_input(struct file *file, void *fh, unsigned int input);
int vmedia_s_output(struct file *file, void *fh, unsigned int output);
int vmedia_g_std(struct file *file, void *fh, v4l2_std_id *arg);
int vmedia_s_std(struct file *file, void *fh, v4l2_std_id norm);
int vmedia_querystd(struct file *file, void *fh, v4l2_std_id *arg);
int vmedia_g_dv_timings(struct file *file, void *fh, struct v4l2_dv_timings *arg);
int vmedia_s_dv_timings(struct file *file, void *fh, struct v4l2_dv_timings *timings);
int vmedia_query_dv_timings(struct file *file, void *fh, struct v4l2_dv_timings *arg);
int vmedia_enum_dv_timings(struct file *file, void *fh, struct v4l2_enum_dv_timings *arg);
int vmedia_dv_timings_cap(struct file *file, void *fh, struct v4l2_dv_timings_cap *arg);
int vmedia_g_tuner(struct file *file, void *fh, struct v4l2_tuner *arg);
int vmedia_s_tuner(struct file *file, void *fh, const struct v4l2_tuner *arg);
int vmedia_g_frequency(struct file *file, void *fh, struct v4l2_frequency *arg);
int vmedia_s_frequency(struct file *file, void *fh, const struct v4l2_frequency *arg);
int vmedia_enum_freq_bands(struct file *file, void *fh, struct v4l2_frequency_band *arg);
int vmedia_s_hw_freq_seek(struct file *file, void *fh, const struct v4l2_hw_freq_seek *arg);
int vmedia_enumaudio(struct file *file, void *fh, struct v4l2_audio *arg);
int vmedia_g_audio(struct file *file, void *fh, struct v4l2_audio *arg);
int vmedia_s_audio(struct file *file, void *fh, const struct v4l2_audio *arg);
int vmedia_enumaudout(struct file *file, void *fh, struct v4l2_audioout *arg);
int vmedia_g_audout(struct file *file, void *fh, struct v4l2_audioout *arg);
int vmedia_s_audout(struct file *file, void *fh, const struct v4l2_audioout *arg);

#endif
