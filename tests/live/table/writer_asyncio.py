# SPDX-License-Identifier: GPL-2.0-only
"""A server that remembers its clients, and forgets to close their writers."""

import asyncio
import sys

clients = set()


async def serve(reader, writer):
    clients.add(writer)
    while await reader.readline():
        writer.write(b"ok\n")
    if sys.argv[1] == "fix":
        clients.discard(writer)
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8000)
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main())
