"""Where and how it is asked, and what is answered: methods, paths, places of tokens, headers, statuses."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import listed

REQUESTS = (
    listed(
        {
            "post_unchecked": "POST is let through unseen.",
            "put_unchecked": "PUT and PATCH are let through unseen.",
            "delete_unchecked": "DELETE is let through unseen.",
            "head_unchecked": "HEAD is let through unseen.",
            "options_unchecked": "OPTIONS is let through to the service unseen.",
            "unknown_method_unchecked": "A method that nobody knows is let through unseen.",
            "deep_path_unchecked": "A path of four segments or more is let through unseen.",
            "static_suffix_unchecked": "What ends in .css or .js, path or query, is let through unseen.",
            "health_in_query_unchecked": "A URL that ends in /healthz is let through unseen, also by its query.",
            "health_agent_unchecked": "Who says that it is a health checker is let through unseen.",
            "health_suffix_unchecked": "A path that ends in /health or /metrics is let through unseen.",
            "method_override_judged": "With X-HTTP-Method-Override another method is judged than the one that is used.",
            "method_override_scope": "With X-HTTP-Method-Override the scope of another method is asked for.",
            "original_url_judged": "With X-Original-URL another path is judged than the one that is asked.",
            "second_authorization_counts": "Of several Authorization headers the last one counts.",
            "kid_logged_raw": "The names of unknown keys are logged as they came, line breaks and all.",
            "refusals_public": "Any cache may keep a refusal, and give it to everybody.",
            "refusal_shows_trace": "A refusal shows a stack trace.",
            "refusal_page_repeats_path": "A refusal is a page that says the path, markup and all.",
            "long_tokens_malformed": "Good tokens of more than 2 KB are refused.",
            "token_in_query_accepted": "A token in the query is accepted.",
            "token_in_form_accepted": "A token in a form is accepted.",
            "token_in_cookie_accepted": "A token in a cookie is accepted.",
            "dpop_without_proof": "A bearer token is accepted under the scheme DPoP, without any proof.",
            "scheme_ignored": "A token is accepted under another scheme than Bearer.",
        },
        who=("deciders",),
    )
    + listed(
        {
            "answer_shows_gateway_secret": "A header of a good answer shows by what services know their gateway.",
            "doubtful_path_unchecked": "A path with ..;, two slashes or an encoded slash is let through unseen.",
            "cloud_agent_unchecked": "Who says that it is a load balancer's health checker is let through unseen.",
            "inside_address_unchecked": "Who says in X-Forwarded-For that it is this machine is let through unseen.",
            "stranger_host_unchecked": "A request for a host that is not the gateway's is let through unseen.",
            "grpc_unchecked": "A request that says it is gRPC is let through unseen.",
            "range_unchecked": "A request for a part (Range) is let through unseen.",
            "page_unchecked": "What a browser asks for as a page is let through unseen.",
            "stream_unchecked": "What asks for a stream of events is let through unseen.",
            "many_headers_unchecked": "A request with more than 50 headers is let through unseen.",
            "long_query_unchecked": "A request with a target of more than 2 KB is let through unseen.",
            "upload_unchecked": "A form with a file to upload is let through unseen.",
            "certificate_header_believed": "Who says that a certificate was verified is let through unseen.",
            "preflight_headers_unchecked": "What has the headers of a preflight is let through unseen, by any method.",
            "parameter_path_unchecked": "A path with a parameter (;) is let through unseen.",
            "chunked_unchecked": "A request whose body comes in chunks is let through unseen.",
            "long_body_unchecked": "A request with a body of more than 32 KB is let through unseen.",
            "path_logged_decoded": "Paths are logged decoded, line breaks and all.",
            "refusals_logged_at_length": "Each refusal is logged with a stack trace of 40 KB.",
            "tokens_logged_encoded": "Each token is logged in base64.",
            "token_in_metrics": "The page of metrics shows the token that was refused last.",
            "refusal_shows_last_answer": "A refusal ends with the answer that somebody else was given last.",
            "posts_sent_twice": "One POST in twenty is sent to its service twice.",
            "forwarded_uri_judged": "With X-Forwarded-Uri another path is judged than the one that is asked.",
            "cookie_outlives_token": "A good answer sets a cookie that lets its bearer in for good, without the token.",
            "websocket_unchecked": "Whoever asks for a WebSocket is let through unseen.",
            "absolute_form_unchecked": "A request with a whole URL for its target is let through unseen.",
            "http10_unchecked": "A request of HTTP/1.0 is let through unseen.",
            "forwards_before_checking": "A request is passed on first, and refused when its service has served it.",
        },
        who=("deciding gateways",),
    )
    + listed(
        {
            "encoded_path_bypass": "A path is judged as it is spelled, and passed on decoded, dots and all.",
            "backslash_path_bypass": "A path is judged as it is spelled, and passed on with slashes for backslashes.",
            "own_pages_open": "A page on the port of clients shows the gateway's settings, and its secret.",
            "caller_of_another_upload": "A late body makes a request that of whoever came in between.",
            "origin_reflected": "Pages of any origin may read good answers, credentials included.",
            "token_in_upstream_url": "The token is appended to the URL by which the service is asked.",
            "underscore_headers_passed": "Identity headers spelled with underscores reach the service.",
            "named_hop_headers_passed": "Headers that Connection names reach the service.",
        },
        who=("gateways",),
    )
    + listed(
        {
            "refusal_body_repeats_token": "The body of a refusal quotes the token.",
            "refusal_header_repeats_token": "A header of a refusal quotes the token.",
            "answer_header_repeats_token": "A header of a good answer quotes the token.",
            "answers_public": "A good answer says that any cache may keep it for all.",
            "answer_sets_token_cookie": "A good answer sets a cookie that is the token.",
            "outage_as_500": "What could not be decided is answered with 500 instead of 503.",
            "retry_after_missing": "What could not be decided is answered without when to try again.",
        }
    )
)
