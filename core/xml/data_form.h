/* SPDX-License-Identifier: MIT */
/* Data forms; the functions are those of <couplet/form.h>. */
#ifndef CORE_XML_DATA_FORM_H
#define CORE_XML_DATA_FORM_H

#include <couplet/form.h>

/* Interns the names of forms; before the first stanza is read. */
void data_form_init(void);

#endif
