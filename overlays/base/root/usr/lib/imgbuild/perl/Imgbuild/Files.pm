# The files that settings decide: path → bytes, mode, owner.
package Imgbuild::Files;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Template;

sub of ($image, $values) {
    my $context = {%{$image->{context}}, settings => $values};
    my %files;
    for my $file (@{$image->{files}}) {
        next if $file->{when} && !holds($file->{when}, $values->{$file->{when}{setting}});
        my $bytes = eval { Imgbuild::Template::render($file->{parts}, $context) };
        defined $bytes or die "`$file->{path}`: $@";
        $files{$file->{path}} = {
            bytes => $bytes,
            mode => oct $file->{mode},
            owner => $file->{owner},
            group => $file->{group}
        };
    }
    return \%files;
}

sub holds ($when, $value) {
    if (exists $when->{is}) {
        my $text = defined $value ? Imgbuild::Json::plain($value) : undef;
        return defined $text && $text eq $when->{is};
    }
    return !!given ($value) == !!${$when->{set}};
}

# Whether a value is more than false or empty. A number is, also where it is 0.
sub given ($value) {
    return
           Imgbuild::Json::is_number($value)
        || ref $value eq 'HASH'
        || Imgbuild::Template::truth($value);
}

1;
