"""The load generator: an open loop of requests inside Locust, in a process of its own (``python -m idchaos.load``).

In reading order: ``job`` (what is asked for), ``arrivals`` (when requests are due), ``scheduler`` (the open loop),
``wire`` (HTTP), ``idp`` and ``scene`` (requests and their samples), one module a flow (``sessions``, ``machines``,
``canary_upkeep``, ``revocation``), ``recorder``, and ``generator`` and ``child``, which put it all together. Only this
package imports gevent, and of it only ``generator`` and ``__main__`` import Locust, which patches the standard library.
"""
