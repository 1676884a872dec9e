"""Extensions for tests: compiled by hand, into a folder that is then on PYTHONPATH."""
import os
import shutil
import subprocess
import sys

SOURCE = os.environ.get("COPSE_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("COPSE_BUILD_DIR", "")


def interpreter():
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def compiler():
    return os.environ.get("CC", "cc").split()


def sanitized():
    plan = os.path.join(BUILD, ".plan")
    return os.path.exists(plan) and "b_sanitize=address" in open(plan).read()


def environment(folder):
    env = dict(os.environ, PYTHONPATH=folder, PYTHONDONTWRITEBYTECODE="1", PYTHONFAULTHANDLER="1")
    if sanitized():
        libraries = [subprocess.run([*compiler(), f"-print-file-name={name}"], text=True, check=True,
                                    stdout=subprocess.PIPE).stdout.strip()
                     for name in ("libasan.so", "libubsan.so")]
        # The interpreter does not give all back at its end; its own allocator would hide misuse.
        env.update(LD_PRELOAD=" ".join(libraries), PYTHONMALLOC="malloc",
                   ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1")
    return env


def build_extension(source, folder, include=(), options=()):
    """Compiles FOLDER/NAME.so from NAME.c; warnings are errors."""
    headers = subprocess.run(
        [interpreter(), "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
        stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    name = os.path.splitext(os.path.basename(source))[0]
    flags = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"] if sanitized() else []
    subprocess.run([*compiler(), "-std=gnu17", "-g", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                    "-Wno-cast-function-type", "-Wno-missing-field-initializers", *flags, *options,
                    "-isystem", headers, *(f"-I{i}" for i in include), source, "-pthread",
                    "-o", os.path.join(folder, name + ".so")], check=True)


def install_memsink(folder):
    """What pip makes of memsink/, without pip."""
    here = os.path.join(SOURCE, "memsink/memsink")
    there = os.path.join(folder, "memsink")
    os.makedirs(there, exist_ok=True)
    for name in ("__init__.py", "memsink.h"):
        shutil.copy(os.path.join(here, name), there)
    build_extension(os.path.join(here, "_memsink.c"), there, [here])
