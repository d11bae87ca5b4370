# A small image that runs as nobody in particular, on a file system that it cannot write to but for /data.
# How it is used: docs/install.md

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package needs a script of its own to be installed.
RUN npm ci --ignore-scripts
COPY . .
RUN node node_modules/vite/bin/vite.js build web && node build/dist.ts
# Nothing that the server depends on is compiled for one system, so the runtime may be another one.
RUN npm prune --omit=dev --ignore-scripts

FROM node:24-alpine
ENV NODE_ENV=production COUNTERSIGN_HOST=0.0.0.0 COUNTERSIGN_DATA=/data
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
RUN mkdir -m 700 /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.COUNTERSIGN_PORT || 8080}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/countersign.mjs"]
CMD ["serve"]
