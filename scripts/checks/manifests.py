#!/usr/bin/env python3
"""What is derived from crds/ and manifests/operator/ is up to date: run with --update after a change there.

manifests/install.yaml             the operator for all namespaces, with the CRDs
manifests/install-namespaced.yaml  the operator for its own namespace, without the CRDs: no right beyond the namespace
charts/penstock-operator/files/    what the chart's templates take: the CRDs and the operator's rules
"""
import argparse
import pathlib
import sys

INSTALL_HEADER = """\
# Penstock's operator for all namespaces of a Kubernetes cluster:
#
#   kubectl apply -f manifests/install.yaml
#
# Derived from crds/ and manifests/operator/ by scripts/checks/manifests.py --update.
"""
NAMESPACED_HEADER = """\
# Penstock's operator for one namespace, its own. An administrator applies crds/ once; this needs rights in the
# namespace only. For a namespace other than penstock-system:
#
#   sed s/penstock-system/NAMESPACE/ manifests/install-namespaced.yaml | kubectl apply -f -
#
# Derived from manifests/operator/ by scripts/checks/manifests.py --update.
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}Role
metadata:
  name: penstock-operator
{namespace}  labels:
    app.kubernetes.io/name: penstock-operator
rules:
{rules}---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}RoleBinding
metadata:
  name: penstock-operator
{namespace}  labels:
    app.kubernetes.io/name: penstock-operator
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {kind}Role
  name: penstock-operator
subjects:
- kind: ServiceAccount
  name: penstock-operator
  namespace: penstock-system
"""
# Where the namespaced operator is told its namespace.
ARGUMENTS = "        - --health=:8081\n"


def derive(source):
    """Every derived file's text, by its path in the source."""
    def read(name):
        return (source / name).read_text()

    crds = {path.name: path.read_text() for path in sorted((source / "crds").glob("*.yaml"))}
    rules = read("manifests/operator/rules.yaml")
    operator = read("manifests/operator/operator.yaml")
    if operator.count(ARGUMENTS) != 1:
        sys.exit(f"manifests/operator/operator.yaml must have the line '{ARGUMENTS.strip()}' once")
    everywhere = ROLE.format(kind="Cluster", namespace="", rules=rules)
    here = ROLE.format(kind="", namespace="  namespace: penstock-system\n", rules=rules)
    only_here = operator.replace(ARGUMENTS, ARGUMENTS + "        - --namespace=$(POD_NAMESPACE)\n")
    chart = "charts/penstock-operator/files/"
    return {
        "manifests/install.yaml": INSTALL_HEADER + "---\n".join(
            [read("manifests/operator/namespace.yaml"), *crds.values(), everywhere, operator]),
        "manifests/install-namespaced.yaml": NAMESPACED_HEADER + "---\n".join([here, only_here]),
        chart + "rules.yaml": rules,
        **{f"{chart}crds/{name}": text for name, text in crds.items()},
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", default=pathlib.Path(__file__).resolve().parents[2], type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    derived = derive(args.source)
    folder = args.source / "charts/penstock-operator/files"
    stale = [str(path.relative_to(args.source)) for path in folder.rglob("*")
             if path.is_file() and str(path.relative_to(args.source)) not in derived]
    for name, text in derived.items():
        path = args.source / name
        if path.exists() and path.read_text() == text:
            continue
        if args.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        else:
            stale.append(name)
    if stale:
        sys.exit("not what crds/ and manifests/operator/ give (scripts/checks/manifests.py --update, or delete it): "
                 + ", ".join(stale))
    print(f"{len(derived)} derived manifests are up to date")


if __name__ == "__main__":
    main()
