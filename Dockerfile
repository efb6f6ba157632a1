# One image with the broker, the operator, the local runtime and the command line, on nothing but the libraries they need.
#
# scripts/image assembles the context and calls this with buildah, podman or docker. In it, `root` is the file system
# and `data` holds an empty `penstock`, from which a new volume gets its owner.
FROM scratch
COPY --chown=0:0 root /
COPY --chown=65532:65532 data /var/lib/
ENV PATH=/usr/bin:/bin:/opt/kafka/bin HOME=/tmp LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
VOLUME /var/lib/penstock
EXPOSE 9092 9094
CMD ["penstock-broker", "--config", "/etc/penstock/server.properties", \
     "--format-if-empty", "--cluster-id", "rCn_1SRmRfGByF9FXFZoVA", "--standalone"]
