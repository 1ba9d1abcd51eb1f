/*
 * Runs the program that its arguments name, and prints the largest memory that the program had resident, in KiB, to standard
 * error. Linux counts from the memory of the parent at the start, so the parent must be small.
 */

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
	int status;
	struct rusage used;
	if (count < 2) {
		return 2;
	}
	if (fork() == 0) {
		execv(words[1], words + 1);
		_exit(127);
	}
	if (wait4(-1, &status, 0, &used) < 0 || status != 0) {
		return 1;
	}
	fprintf(stderr, "%ld\n", used.ru_maxrss);
}
