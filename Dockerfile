# The container image. Build: docker build -t postern . ; run: see compose.yaml.
# Nothing is compiled: the native parts come prebuilt for x64 and arm64, and Node runs the TypeScript as it is.

FROM node:24.21.0-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image brings its own Node, so the optional packages that bring one are left out.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:24.21.0-slim
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY package.json LICENSE SECURITY.md CHANGELOG.md ./
COPY bin ./bin
COPY config ./config
COPY admin ./admin
COPY server ./server
# The program belongs to root and the data to the user that runs it: a broken-into server cannot change its own code.
RUN mkdir /data && chown node:node /data && chmod 700 /data \
  && ln -s /app/bin/postern /usr/local/bin/postern
ENV NODE_ENV=production POSTERN_DATA_DIR=/data
VOLUME /data
# Submission with STARTTLS, submission with TLS from the start, admin HTTP (on loopback until POSTERN_ADMIN_LISTEN says more).
EXPOSE 587 465 8025
USER node
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "const port = /\\d+$/.exec(process.env.POSTERN_ADMIN_LISTEN ?? '') ?? '8025'; fetch(`http://127.0.0.1:${port}/healthz`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and gets SIGTERM itself; it starts no other processes that somebody would have to collect.
CMD ["node", "server/main.ts", "serve"]
