"""The settings of the cluster in Faust's words."""

from typing import Any

import faust

from connectors.kafka.client_options import bootstrap_servers, password, tls_context, uses_login
from connectors.kafka.settings import KafkaSettings


def faust_broker_options(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of ``faust.App``: the brokers and, where there is TLS or a login, the credentials.

    Raises
    ------
    FatalError
        ``kafka_address``, ``kafka_login`` or ``kafka_tls``: the settings, or a file that they name, can't be used.
    """
    options: dict[str, Any] = {"broker": [f"kafka://{server}" for server in bootstrap_servers(settings)]}
    context = tls_context(settings)
    if uses_login(settings):
        options["broker_credentials"] = faust.SASLCredentials(
            username=settings.username,
            password=password(settings),
            ssl_context=context,
            mechanism=settings.sasl_mechanism,
        )
    elif context is not None:
        options["broker_credentials"] = faust.SSLCredentials(context)
    return options
