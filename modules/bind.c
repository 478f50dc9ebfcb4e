/* SPDX-License-Identifier: MIT */
/* Resource binding (RFC 6120 section 7), and the session request of older clients (RFC 3921 section 3), which
 * does nothing. */
#include <couplet/module.h>

struct bind_config {
	int conflict; /* enum cpl_conflict */
};
static const char *const policies[] = {"replace", "refuse", "rename", NULL};
_Static_assert(CPL_CONFLICT_REPLACE == 0 && CPL_CONFLICT_REFUSE == 1 && CPL_CONFLICT_RENAME == 2,
	       "policies has the order of the enum");
static const struct cpl_option options[] = {
	CPL_OPT_ENUM(struct bind_config, conflict, "replace", policies, CPL_RELOADABLE,
		     "When the resource is in use: close the old session, refuse the new one, or give the "
		     "new one another resource."),
	CPL_OPT_END,
};

CPL_NAME(bind_name, "urn:ietf:params:xml:ns:xmpp-bind", "bind");
CPL_NAME(resource_name, "urn:ietf:params:xml:ns:xmpp-bind", "resource");
CPL_NAME(jid_name, "urn:ietf:params:xml:ns:xmpp-bind", "jid");
CPL_NAME(session_name, "urn:ietf:params:xml:ns:xmpp-session", "session");
CPL_NAME(optional_name, "urn:ietf:params:xml:ns:xmpp-session", "optional");
static struct cpl_name *const names[] = {&bind_name,	&resource_name, &jid_name,
					 &session_name, &optional_name, NULL};

static void on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	struct cpl_element *session;

	if (ev->session->type != CPL_SESSION_C2S_UNBOUND)
		return;
	cpl_add(ev->features, ev->features->root, &bind_name);
	session = cpl_add(ev->features, ev->features->root, &session_name);
	cpl_add(ev->features, session, &optional_name);
}

/* One request that waits for the core. */
struct binding {
	struct cpl_bind request;
	struct cpl_suspension *suspension;
	struct cpl_session *session;
	struct cpl_stanza *iq;
};

static void binding_destroy(struct binding **binding)
{
	cpl_session_unref(&(*binding)->session);
	cpl_stanza_unref(&(*binding)->iq);
	cpl_free(*binding);
	*binding = NULL;
}

/* Straight to the session: before the resource is bound, nothing can be routed to it. */
static void answer(struct cpl_session *s, struct cpl_stanza *stanza)
{
	if (stanza)
		cpl_session_send(s, stanza);
	cpl_stanza_unref(&stanza);
}

static void on_bound(struct cpl_call *call)
{
	struct binding *binding = CPL_CONTAINER(call, struct binding, request.call);
	struct cpl_session *s = binding->session;
	struct cpl_stanza *result;
	struct cpl_element *bind;

	if (call->status == CPL_OK) {
		result = cpl_stanza_result(binding->iq);
		bind = cpl_add(result, result->root, &bind_name);
		cpl_add_with_text(result, bind, &jid_name, s->full_jid);
		answer(s, result);
	} else if (call->status != CPL_E_CANCELLED) {
		answer(s, cpl_stanza_error(binding->iq, binding->request.condition, binding->request.text));
	}
	cpl_resume(&binding->suspension, CPL_HANDLED);
	binding_destroy(&binding);
}

static enum cpl_flow on_bind(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct bind_config *config = CPL_CONFIG(self, ev->host, struct bind_config);
	struct cpl_element *bind = cpl_child(ev->stanza->root, &bind_name);
	struct cpl_str resource = cpl_child_text(bind, &resource_name, ev->stanza->arena);
	struct cpl_session *s = ev->session;
	struct binding *binding;

	if (s->type != CPL_SESSION_C2S_UNBOUND)
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, "a resource is bound already");
	binding = CPL_NEW(struct binding);
	binding->session = cpl_session_ref(s);
	binding->iq = cpl_stanza_ref(ev->stanza);
	if (cpl_session_bind(&binding->request, s, resource, (enum cpl_conflict)config->conflict, on_bound) !=
	    0) {
		answer(s, cpl_stanza_error(ev->stanza, binding->request.condition, binding->request.text));
		binding_destroy(&binding);
		return CPL_HANDLED;
	}
	binding->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static enum cpl_flow on_session(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);

	cpl_send(&result);
	return CPL_HANDLED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, on_features, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_SELF | CPL_TO_HOST, &bind_name, on_bind, CPL_IN(C2S_UNBOUND) | CPL_IN(C2S)},
	{CPL_IQ_SET, CPL_TO_SELF | CPL_TO_HOST, &session_name, on_session, CPL_IN(C2S)},
	{0, 0, NULL, NULL, 0},
};

CPL_MODULE(bind) = {
	CPL_MODULE_HEAD("bind", "1.0", "Resource binding (RFC 6120 section 7)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct bind_config),
	.events = events,
	.iqs = iqs,
};
