"""What a client reports for each fault, and how it retries. FAULTS_CLIENT has the client's name and its command, an
argument per line."""

import os

import reports
import retries
from lib import run_case

NAME, *CLIENT = os.environ["FAULTS_CLIENT"].splitlines()


def case_faults():
    reports.faults(NAME, [*CLIENT, "report"])


def case_retries():
    retries.third_attempt_succeeds([*CLIENT, "retry"])


def case_transparent_retry():
    retries.transparent([*CLIENT, "report"])


def case_pushback_of_60_ms():
    retries.pushback([*CLIENT, "retry"], 60)


def case_pushback_of_140_ms():
    retries.pushback([*CLIENT, "retry"], 140)


def case_pushback_never():
    retries.never([*CLIENT, "retry"])


run_case(globals())
