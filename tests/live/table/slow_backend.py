# SPDX-License-Identifier: GPL-2.0-only
"""A backend that never answers, and closes when its client does."""

import asyncio


async def serve(reader, writer):
    while await reader.read(4096):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 9000)
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main())
